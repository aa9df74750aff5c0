// f[i] = (Σ_j w_ij²·(y_i − y_j), Σ_j w_ij, 0) with w = 1/(1 + |y_i − y_j|²), over all j ≠ i: what pushes point i of a
// t-SNE map off all others, and its part of the sum Z that both are divided by.
// A workgroup takes 64 points and walks all of them in tiles of 256 through workgroup memory; a tile's sum is taken by
// itself, so that rounding grows with the number of tiles. Layouts: y [n] of (x, y) · f [n].
const TILE = 256u;
struct Params { n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> y : array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> f : array<vec4<f32>>;

var<workgroup> tile : array<vec2<f32>, TILE>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let i = (group.x + group.y * groups.x) * 64u + t;
  let own = y[min(i, params.n - 1u)];
  var sum = vec3<f32>();
  for (var first = 0u; first < params.n; first += TILE) {
    for (var s = t; s < TILE; s += 64u) { tile[s] = y[min(first + s, params.n - 1u)]; }
    workgroupBarrier();
    var part = vec3<f32>();
    let count = min(TILE, params.n - first);
    for (var s = 0u; s < count; s += 1u) {
      let d = own - tile[s];
      let w = select(1.0 / (1.0 + dot(d, d)), 0.0, first + s == i);
      part += vec3<f32>((w * w) * d, w);
    }
    sum += part;
    workgroupBarrier();
  }
  if (i < params.n) { f[i] = vec4<f32>(sum, 0.0); }
}
