// y[i,m,n] = Σ_k a[i,m,k] · b[i,k,n], a and b each stored as written or with its last two dimensions exchanged
// A workgroup makes 64 rows × 32·NB columns through workgroup memory, 16 of k at a time; an invocation 8 × 4·NB.
// aBatch, bBatch: vec4s from one matrix to the next (0: the same for all).
// Needs: K and N multiples of 4, M too if a is exchanged.
alias Elem4 = vec4<f32>;     // seam: storage type of a, b, y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const NB = 2u;               // seam: vec4s of columns per invocation, 1 or 2
const TRANSPOSE_A = false;   // seam: a is stored [K, M]
const TRANSPOSE_B = false;   // seam: b is stored [N, K]
struct Params { batch : u32, m : u32, n : u32, k : u32, aBatch : u32, bBatch : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> a : array<Elem4>;
@group(0) @binding(2) var<storage, read> b : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

var<workgroup> xs : array<F, 320>;         // [64 rows][4 + 1 that avoids bank conflicts], vec4s over k
var<workgroup> ws : array<F, 128u * NB>;   // [16 of k][8·NB], vec4s over n

// The 4 × 4 block at (row, column) of a matrix whose rows are `length` vec4s; rows past `rows` are zero.
fn blockA(base : u32, row : u32, column : u32, rows : u32, length : u32) -> M {
  let ok = (row + U(0u, 1u, 2u, 3u) < U(rows)) & B(column < length);
  let at = select(U(), base + (row + U(0u, 1u, 2u, 3u)) * length + column, ok);
  return M(select(F(), F(a[at.x]), ok.x), select(F(), F(a[at.y]), ok.y), select(F(), F(a[at.z]), ok.z), select(F(), F(a[at.w]), ok.w));
}
fn blockB(base : u32, row : u32, column : u32, rows : u32, length : u32) -> M {
  let ok = (row + U(0u, 1u, 2u, 3u) < U(rows)) & B(column < length);
  let at = select(U(), base + (row + U(0u, 1u, 2u, 3u)) * length + column, ok);
  return M(select(F(), F(b[at.x]), ok.x), select(F(), F(b[at.y]), ok.y), select(F(), F(b[at.z]), ok.z), select(F(), F(b[at.w]), ok.w));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let kRow = params.k / 4u;
  let nRow = params.n / 4u;
  let nTiles = (nRow + 8u * NB - 1u) / (8u * NB);
  let batch = group.z / nTiles;
  let n0 = group.z % nTiles * 8u * NB;
  let m0 = (group.x + group.y * groups.x) * 64u;
  let tm = local / 8u;
  let tn = local % 8u;
  // Each invocation loads one 4 × 4 block of either tile; neighbours read neighbours.
  let am = select(local / 4u, local % 16u, TRANSPOSE_A);
  let ak = select(local % 4u, local / 16u, TRANSPOSE_A);
  let bn = select(local % (8u * NB), local / 4u, TRANSPOSE_B);
  let bk = select(local / (8u * NB), local % 4u, TRANSPOSE_B);
  var a00 = M();                           // columns: rows tm + 8·j of y; rows: vec4 tn of columns
  var a01 = M();                           // rows tm + 32 + 8·j
  var a10 = M();                           // vec4 tn + 8
  var a11 = M();
  for (var step = 0u; step < kRow; step += 4u) {
    var v = M();
    if (TRANSPOSE_A) { v = transpose(blockA(batch * params.aBatch, (step + ak) * 4u, m0 / 4u + am, params.k, params.m / 4u)); }
    else { v = blockA(batch * params.aBatch, m0 + am * 4u, step + ak, params.m, kRow); }
    xs[am * 20u + ak] = v[0];
    xs[am * 20u + 5u + ak] = v[1];
    xs[am * 20u + 10u + ak] = v[2];
    xs[am * 20u + 15u + ak] = v[3];
    if (local < 32u * NB) {
      if (TRANSPOSE_B) { v = transpose(blockB(batch * params.bBatch, (n0 + bn) * 4u, step + bk, params.n, kRow)); }
      else { v = blockB(batch * params.bBatch, (step + bk) * 4u, n0 + bn, params.k, nRow); }
      let to = bk * 32u * NB + bn;
      ws[to] = v[0];
      ws[to + 8u * NB] = v[1];
      ws[to + 16u * NB] = v[2];
      ws[to + 24u * NB] = v[3];
    }
    workgroupBarrier();
    for (var i = 0u; i < 4u; i += 1u) {
      let v0 = M(xs[tm * 5u + i], xs[(tm + 8u) * 5u + i], xs[(tm + 16u) * 5u + i], xs[(tm + 24u) * 5u + i]);
      let v1 = M(xs[(tm + 32u) * 5u + i], xs[(tm + 40u) * 5u + i], xs[(tm + 48u) * 5u + i], xs[(tm + 56u) * 5u + i]);
      let at = i * 32u * NB + tn;
      let b0 = M(ws[at], ws[at + 8u * NB], ws[at + 16u * NB], ws[at + 24u * NB]);
      a00 += b0 * v0;
      a01 += b0 * v1;
      if (NB > 1u) {
        let b1 = M(ws[at + 8u], ws[at + 8u + 8u * NB], ws[at + 8u + 16u * NB], ws[at + 8u + 24u * NB]);
        a10 += b1 * v0;
        a11 += b1 * v1;
      }
    }
    workgroupBarrier();
  }
  var out = array<M, 4>(a00, a01, a10, a11);
  for (var v = 0u; v < NB; v += 1u) {
    for (var j = 0u; j < 8u; j += 1u) {
      let m = m0 + tm + j * 8u;
      let n = n0 + tn + v * 8u;
      if (m < params.m && n < nRow) {
        let i = (batch * params.m + m) * nRow + n;
        y[i] = Elem4(epilogue(out[v * 2u + j / 4u][j % 4u], i));
      }
    }
  }
}
