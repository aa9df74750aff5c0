// links[o,j,i] = one past the last k < j with the same target as index[o,j,i]; 0 where j is the first: from a cell's
// last, the links lead through all its sources, downwards. One thread takes one index. A cell of few sources is
// searched in its run of the list, one of more than √m by looking back from j, where the next is near:
// the whole takes at most m·√m steps a line, whatever the index holds.
// Layouts: index, list, links [outer, m, inner] · cells as scatter-list leaves them: last, counts, ends of runs.
struct Params { outer : u32, n : u32, inner : u32, m : u32, wrap : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> index : array<i32>;
@group(0) @binding(2) var<storage, read> cells : array<u32>;
@group(0) @binding(3) var<storage, read> list : array<u32>;
@group(0) @binding(4) var<storage, read_write> links : array<u32>;

fn placeOf(t : u32) -> i32 {
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
  let at = placeOf(t);
  var link = 0u;
  if (at >= 0 && u32(at) < params.n) {
    let all = params.outer * params.n * params.inner;
    let cell = (o * params.n + u32(at)) * params.inner + i;
    let count = cells[all + cell];
    let end = cells[2u * all + cell];
    if (count <= u32(sqrt(f32(params.m)))) {
      for (var s = end - count; s < end; s += 1u) {
        let k = list[s];
        if (k < j) { link = max(link, k + 1u); }
      }
    } else {
      link = j;
      while (link > 0u && placeOf((o * params.m + link - 1u) * params.inner + i) != at) { link -= 1u; }
    }
  }
  links[t] = link;
}
