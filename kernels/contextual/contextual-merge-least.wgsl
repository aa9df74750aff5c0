// rows[i] = bits of m and r = 1 / ((m + ε)·h), 0, and the nearest point:
// m is the least of the splits, the first of equals.
// One invocation a row. partial [splits, n]: bits of a distance, its point.
struct Params { n : u32, splits : u32, h : f32, eps : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> partial : array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> rows : array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  var v = partial[i];
  for (var s = 1u; s < params.splits; s += 1u) {
    let w = partial[s * params.n + i];
    let nan = (w.x & 0x7fffffffu) > 0x7f800000u;
    if (nan || bitcast<f32>(w.x) < bitcast<f32>(v.x)) { v = w; }
    if (nan) { break; }
  }
  let r = 1.0 / ((bitcast<f32>(v.x) + params.eps) * params.h);
  let nan = (v.x & 0x7fffffffu) > 0x7f800000u;
  rows[i] = vec4<u32>(v.x, select(bitcast<u32>(r), v.x, nan), 0u, v.y);
}
