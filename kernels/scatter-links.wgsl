// links[o,j,i] = one past the last k < j with the same target as index[o,j,i]; 0 where j is the first: from bounds' last, the links
// lead through all sources of a cell, downwards. One thread takes one index and looks back from it; the first of a cell need not look.
// Layouts: index, links [outer, m, inner] · bounds as scatter-bounds writes them.
struct Params { outer : u32, n : u32, inner : u32, m : u32, wrap : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> index : array<i32>;
@group(0) @binding(2) var<storage, read> bounds : array<u32>;
@group(0) @binding(3) var<storage, read_write> links : array<u32>;

fn cellOf(t : u32) -> i32 {
  let at = index[t];
  return select(at, at + i32(params.n), at < 0 && params.wrap == 1u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.m * params.inner) { return; }
  let row = t / params.inner;
  let o = row / params.m;
  let j = row - o * params.m;
  let i = t - row * params.inner;
  let at = cellOf(t);
  var k = 0u;
  if (at >= 0 && u32(at) < params.n) {
    let first = params.m - bounds[((params.outer + o) * params.n + u32(at)) * params.inner + i];
    if (j > first) {
      k = j;
      while (cellOf((o * params.m + k - 1u) * params.inner + i) != at) { k -= 1u; }
    }
  }
  links[t] = k;
}
