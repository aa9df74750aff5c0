// y[o,j,i] = x[o, index[o,j,i], i]: elements looked up along the middle of three axes.
// Words of 32 bits, whatever they hold, or floats.
// The index may be shared: element (o, j, i) of it stands at o·strideO + j·strideJ + i·strideI, and a stride may be 0.
// With wrap 1 a negative index counts from the end.
// An index that is still outside [0, n) gives what the bits `outside` stand for.
// One thread moves one element. Layouts: x [outer, n, inner] · y [outer, m, inner], row-major.
alias Word = u32;            // seam: storage of an element
struct Params { outer : u32, n : u32, inner : u32, m : u32, strideO : u32, strideJ : u32, strideI : u32, wrap : u32, outside : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Word>;
@group(0) @binding(2) var<storage, read> index : array<i32>;
@group(0) @binding(3) var<storage, read_write> y : array<Word>;
// hook: what an index outside gives
fn outside() -> Word { return params.outside; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.m * params.inner) { return; }
  let row = t / params.inner;
  let i = t - row * params.inner;
  let o = row / params.m;
  let j = row - o * params.m;
  var at = index[o * params.strideO + j * params.strideJ + i * params.strideI];
  if (at < 0 && params.wrap == 1u) { at += i32(params.n); }
  var word = outside();
  if (at >= 0 && u32(at) < params.n) { word = x[(o * params.n + u32(at)) * params.inner + i]; }
  y[t] = word;
}
