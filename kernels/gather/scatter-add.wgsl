// dx[o,a,i] = Σ dy[o,j,i] over the j with index[o,j,i] == a, from the last to the first: the transpose of gather.
// One thread computes one element of dx and follows the links. The index may be shared:
// cells then have fewer outer or inner positions.
// Layouts: dx [outer, n, inner] · dy [outer, m, inner] · cells as scatter-bounds writes them ·
// links [outer or 1, m, inner or 1].
alias Elem = f32;            // seam: storage type of dy, dx
alias F = f32;               // with I, U, B: the types of the epilogue's expression
alias I = i32;
alias U = u32;
alias B = bool;
struct Params { outer : u32, n : u32, inner : u32, m : u32, indexOuter : u32, indexInner : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> cells : array<u32>;
@group(0) @binding(2) var<storage, read> links : array<u32>;
@group(0) @binding(3) var<storage, read> dy : array<Elem>;
@group(0) @binding(4) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.n * params.inner) { return; }
  let row = t / params.inner;
  let i = t - row * params.inner;
  let o = row / params.n;
  let a = row - o * params.n;
  let p = select(o, 0u, params.indexOuter == 1u);
  let q = select(i, 0u, params.indexInner == 1u);
  var sum = 0.0;
  var k = cells[(p * params.n + a) * params.indexInner + q];
  while (k > 0u) {
    sum += F(dy[(o * params.m + k - 1u) * params.inner + i]);
    k = links[(p * params.m + k - 1u) * params.indexInner + q];
  }
  dx[t] = Elem(epilogue(sum, t));
}
