// For each cell (o, target, i): one past the last j
// with index[o,j,i] == target (0 where there is none), and how many such j there are.
// Maxima and sums of whole numbers come out the same in any order, so nothing depends on how threads are scheduled.
// One thread takes one index. Layouts: index [outer, m, inner] · cells: last [outer, n, inner], then counts.
// Needs: cells zero.
struct Params { outer : u32, n : u32, inner : u32, m : u32, wrap : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> index : array<i32>;
@group(0) @binding(2) var<storage, read_write> cells : array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.m * params.inner) { return; }
  let row = t / params.inner;
  let o = row / params.m;
  let j = row - o * params.m;
  var at = index[t];
  if (at < 0 && params.wrap == 1u) { at += i32(params.n); }
  if (at < 0 || u32(at) >= params.n) { return; }
  let cell = (o * params.n + u32(at)) * params.inner + (t - row * params.inner);
  atomicMax(&cells[cell], j + 1u);
  atomicAdd(&cells[params.outer * params.n * params.inner + cell], 1u);
}
