// value[j] = exp of the largest exponent of the splits, index[j] the row it comes from, the first of equals.
// One invocation a column.
// partial [splits, n]: bits of an exponent ≤ 0, its row.
struct Params { n : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> partial : array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> value : array<f32>;
@group(0) @binding(3) var<storage, read_write> index : array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  var v = partial[i];
  for (var s = 1u; s < params.splits; s += 1u) {
    let w = partial[s * params.n + i];
    let nan = (w.x & 0x7fffffffu) > 0x7f800000u;
    if (nan || bitcast<f32>(w.x) > bitcast<f32>(v.x)) { v = w; }
    if (nan) { break; }
  }
  let nan = (v.x & 0x7fffffffu) > 0x7f800000u;
  value[i] = select(exp(bitcast<f32>(v.x)), bitcast<f32>(v.x), nan);
  index[i] = v.y;
}
