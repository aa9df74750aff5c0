// f[i] = (Σ_j p_ij·w_ij·(y_i − y_j), Σ_j p_ij·ln(1 + |y_i − y_j|²), 0) with w = 1/(1 + |y_i − y_j|²), over the stored j
// of row i: what pulls point i of a t-SNE map, and its part of the divergence, which is 0 unless LOSS.
// One thread takes one point. Layouts: y [n] of (x, y) · starts [n + 1], row i is columns[starts[i] … starts[i + 1] − 1] ·
// p as columns · f [n].
const LOSS = false;          // seam
struct Params { n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> y : array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> starts : array<u32>;
@group(0) @binding(3) var<storage, read> columns : array<u32>;
@group(0) @binding(4) var<storage, read> p : array<f32>;
@group(0) @binding(5) var<storage, read_write> f : array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  let own = y[i];
  var force = vec2<f32>();
  var loss = 0.0;
  let stop = starts[i + 1u];
  for (var s = starts[i]; s < stop; s += 1u) {
    let d = own - y[columns[s]];
    let q = 1.0 + dot(d, d);
    force += (p[s] / q) * d;
    if (LOSS) { loss += p[s] * log(q); }
  }
  f[i] = vec4<f32>(force, loss, 0.0);
}
