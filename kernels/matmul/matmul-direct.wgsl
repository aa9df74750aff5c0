// y[i,m,n] = Σ_k a[i,m,k] · b[i,k,n], a and b each stored as written or with its last two dimensions exchanged
// One invocation makes 8 rows × NT columns. Takes any shape. aBatch, bBatch: elements from one matrix to the next (0:
// the same for all); aRow, aColumn, bRow, bColumn: elements from one m, k, k, n to the next. Needs: nothing.
alias Elem = f32;            // seam: storage type of a, b, y
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const NT = 4u;               // seam: columns per invocation, 4 or 1
struct Params { batch : u32, m : u32, n : u32, k : u32, aBatch : u32, bBatch : u32, aRow : u32, aColumn : u32, bRow : u32, bColumn : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> a : array<Elem>;
@group(0) @binding(2) var<storage, read> b : array<Elem>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let nTiles = (params.n + NT - 1u) / NT;
  let mTiles = (params.m + 7u) / 8u;
  let n = (t % nTiles) * NT;
  let m = t / nTiles % mTiles * 8u;
  let batch = t / nTiles / mTiles;
  if (batch >= params.batch) { return; }
  // Rows and columns past the end repeat the last and are not written.
  let rows0 = batch * params.aBatch + min(m + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.m - 1u)) * params.aRow;
  let rows1 = batch * params.aBatch + min(m + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(params.m - 1u)) * params.aRow;
  let columns = batch * params.bBatch + min(n + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.n - 1u)) * params.bColumn;
  var a0 = mat4x4<f32>();                  // column: n; row: m
  var a1 = mat4x4<f32>();
  var ai = 0u;
  var bi = 0u;
  for (var k = 0u; k < params.k; k += 1u) {
    let i = rows0 + ai;
    let j = rows1 + ai;
    let v0 = vec4<f32>(F(a[i.x]), F(a[i.y]), F(a[i.z]), F(a[i.w]));
    let v1 = vec4<f32>(F(a[j.x]), F(a[j.y]), F(a[j.z]), F(a[j.w]));
    let b0 = F(b[columns.x + bi]);
    if (NT == 1u) {
      a0[0] += v0 * b0;
      a1[0] += v1 * b0;
    } else {
      let b1 = F(b[columns.y + bi]);
      let b2 = F(b[columns.z + bi]);
      let b3 = F(b[columns.w + bi]);
      a0 += mat4x4<f32>(v0 * b0, v0 * b1, v0 * b2, v0 * b3);
      a1 += mat4x4<f32>(v1 * b0, v1 * b1, v1 * b2, v1 * b3);
    }
    ai += params.aColumn;
    bi += params.bRow;
  }
  var out = array<mat4x4<f32>, 2>(a0, a1);
  // Loops whose lengths no compiler knows: unrolled, stores take most of the time to compile.
  for (var j = m; j < min(m + 8u, params.m); j += 1u) {
    for (var v = 0u; v < min(NT, params.n - n); v += 1u) {
      let i = (batch * params.m + j) * params.n + n + v;
      y[i] = Elem(epilogue(out[j / 4u % 2u][v][j % 4u], i));
    }
  }
}
