// order[b] = how many rows of the image any column chose, then the numbers of those rows, then of the others,
// each in order.
// A workgroup an image; an invocation a run of rows. chosen [batch, N] is 0 or 1, order [batch, 1 + N].
struct Params { batch : u32, n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> chosen : array<u32>;
@group(0) @binding(2) var<storage, read_write> order : array<u32>;
var<workgroup> before : array<u32, 257>;   // chosen rows before each invocation's run

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let b = group.x + group.y * groups.x;
  let run = (params.n + 255u) / 256u;
  let first = min(local * run, params.n);
  let end = select(first, min(first + run, params.n), b < params.batch);
  var count = 0u;
  for (var i = first; i < end; i += 1u) { count += chosen[b * params.n + i]; }
  before[local + 1u] = count;
  workgroupBarrier();
  if (local == 0u) {
    var sum = 0u;
    for (var l = 1u; l <= 256u; l += 1u) {
      sum += before[l];
      before[l] = sum;
    }
    before[0] = 0u;
  }
  workgroupBarrier();
  let base = b * (params.n + 1u);
  let all = before[256];
  if (local == 0u && b < params.batch) { order[base] = all; }
  var rank = before[local];
  for (var i = first; i < end; i += 1u) {
    let is = chosen[b * params.n + i];
    order[base + 1u + select(all + i - rank, rank, is == 1u)] = i;
    rank += is;
  }
}
