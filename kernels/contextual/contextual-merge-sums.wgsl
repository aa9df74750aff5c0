// s = Σ w and Σ w·t over the splits, in their order: rows[i].z = ln s, spread[i] = Σ w·t / s, largest[i] = 1 / s, which
// is the row's largest similarity, for its nearest point has w = 1. One invocation a row. partial [splits, n]:
// bits of both sums.
struct Params { n : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> partial : array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> rows : array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> spread : array<f32>;
@group(0) @binding(4) var<storage, read_write> largest : array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  var sums = vec2<f32>();
  for (var s = 0u; s < params.splits; s += 1u) { sums += bitcast<vec2<f32>>(partial[s * params.n + i]); }
  // exp and max may swallow a NaN: the row's least distance has kept it.
  let m = rows[i].x;
  let nan = (m & 0x7fffffffu) > 0x7f800000u;
  rows[i].z = select(bitcast<u32>(log(sums.x)), m, nan);
  spread[i] = select(sums.y / sums.x, bitcast<f32>(m), nan);
  largest[i] = select(1.0 / sums.x, bitcast<f32>(m), nan);
}
