// Writes each source j into its cell's run of the list, in no order, and moves the cell's beginning to the run's end.
// One thread takes one index. Layouts: index, list [outer, m, inner] · cells as scatter-rooms leaves them.
struct Params { outer : u32, n : u32, inner : u32, m : u32, wrap : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> index : array<i32>;
@group(0) @binding(2) var<storage, read_write> cells : array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> list : array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.m * params.inner) { return; }
  let row = t / params.inner;
  let o = row / params.m;
  var at = index[t];
  if (at < 0 && params.wrap == 1u) { at += i32(params.n); }
  if (at < 0 || u32(at) >= params.n) { return; }
  let cell = (o * params.n + u32(at)) * params.inner + (t - row * params.inner);
  list[atomicAdd(&cells[2u * params.outer * params.n * params.inner + cell], 1u)] = row - o * params.m;
}
