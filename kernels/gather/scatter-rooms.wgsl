// Gives each cell a run of a common list, as long as it has sources. Where the run begins depends on how threads are
// scheduled, what it will hold does not. One thread serves one cell. Layouts: cells:
// last, counts, beginnings, `count` of each, then the list's length (0 before).
struct Params { count : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> cells : array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.count) { return; }
  let sources = atomicLoad(&cells[params.count + t]);
  if (sources > 0u) { atomicStore(&cells[2u * params.count + t], atomicAdd(&cells[3u * params.count], sources)); }
}
