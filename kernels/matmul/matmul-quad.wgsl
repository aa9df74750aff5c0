enable subgroups;
// y[i,m,n] = Σ_k a[i,m,k] · b[i,k,n], a and b each stored as written or with its last two dimensions exchanged
// One invocation makes 4 rows × NV·4 columns as 4×4 matrices; LANES invocations work on the same columns and share each
// load of b. What a turn needs is loaded before its products: llvmpipe loads by calls, which keep no register.
// No barriers, few loads per product: for CPU adapters, where a load costs most.
// aBatch, bBatch: vec4s from one matrix to the next (0: the same for all).
// Needs: K and N multiples of 4, M too if a is exchanged; subgroups, with 8 lanes K a multiple of 8.
alias Elem4 = vec4<f32>;     // seam: storage type of a, b, y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const NV = 4u;               // seam: vec4s of columns per invocation, 1 … 4
const LANES = 4u;            // seam: invocations that share b: a quad, or 8 in turns of two steps of k
const TRANSPOSE_A = false;   // seam: a is stored [K, M]
const TRANSPOSE_B = false;   // seam: b is stored [N, K]
struct Params { batch : u32, m : u32, n : u32, k : u32, aBatch : u32, bBatch : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> a : array<Elem4>;
@group(0) @binding(2) var<storage, read> b : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// Four columns of a (for k … k+3), each over the rows m … m+3 or, plainly stored, four rows over k … k+3.
fn loadA(base : u32, m : u32, k : u32) -> M {
  if (TRANSPOSE_A) {
    let at = base + k * params.m + m / 4u;
    let row = params.m / 4u;
    return transpose(M(F(a[at]), F(a[at + row]), F(a[at + 2u * row]), F(a[at + 3u * row])));
  }
  let at = base + min(m + U(0u, 1u, 2u, 3u), U(params.m - 1u)) * (params.k / 4u) + k;
  return M(F(a[at.x]), F(a[at.y]), F(a[at.z]), F(a[at.w]));
}

// Four rows of b over four columns, of the vec4s that invocations load: the first four's, and the next four's.
fn low(v : F) -> M {
  if (LANES == 4u) { return ordered(M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u))); }
  return ordered(M(subgroupBroadcast(v, 0u), subgroupBroadcast(v, 1u), subgroupBroadcast(v, 2u), subgroupBroadcast(v, 3u)));
}
fn high(v : F) -> M { return ordered(M(subgroupBroadcast(v, 4u), subgroupBroadcast(v, 5u), subgroupBroadcast(v, 6u), subgroupBroadcast(v, 7u))); }
fn ordered(rows : M) -> M {
  if (TRANSPOSE_B) { return transpose(rows); }
  return rows;
}
// A vec4 of b, of those beyond the first.
fn more(at : u32, number : u32) -> F {
  if (NV <= number) { return F(); }
  return F(b[at]);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let kRow = params.k / 4u;
  let nRow = params.n / 4u;
  let nTiles = (nRow + NV - 1u) / NV;
  let batch = group.z / nTiles;
  let n = group.z % nTiles * NV;
  let last = nRow - 1u - n;                // columns past the end repeat the last and are not written
  let column = select(1u, 4u * kRow, TRANSPOSE_B);
  let n1 = min(1u, last) * column;
  let n2 = min(2u, last) * column;
  let n3 = min(3u, last) * column;
  let m = ((group.x + group.y * groups.x) * 16u + local) * 4u;
  let live = m < params.m;
  let at = select(0u, m, live);
  let base = batch * params.aBatch;
  let step = select(LANES * nRow, LANES / 4u, TRANSPOSE_B);
  let own = lane & (LANES - 1u);
  var bi = batch * params.bBatch + select(own * nRow + n, (n * 4u + (own & 3u)) * kRow + own / 4u, TRANSPOSE_B);
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  for (var k = 0u; k < kRow; k += LANES / 4u) {
    let v = loadA(base, at, k);
    var u : M;
    if (LANES > 4u) { u = loadA(base, at, k + 1u); }
    let b0 = F(b[bi]);
    let b1 = more(bi + n1, 1u);
    let b2 = more(bi + n2, 2u);
    let b3 = more(bi + n3, 3u);
    a0 += low(b0) * v;
    if (NV > 1u) { a1 += low(b1) * v; }
    if (NV > 2u) { a2 += low(b2) * v; }
    if (NV > 3u) { a3 += low(b3) * v; }
    if (LANES > 4u) {
      a0 += high(b0) * u;
      if (NV > 1u) { a1 += high(b1) * u; }
      if (NV > 2u) { a2 += high(b2) * u; }
      if (NV > 3u) { a3 += high(b3) * u; }
    }
    bi += step;
  }
  if (!live) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  for (var v = n; v <= n + min(last, NV - 1u); v += 1u) {
    for (var j = m; j < min(m + 4u, params.m); j += 1u) {
      let i = (batch * params.m + j) * nRow + v;
      y[i] = Elem4(epilogue(out[v - n][j % 4u], i));
    }
  }
}
