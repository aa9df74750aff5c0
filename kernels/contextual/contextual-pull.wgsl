// What each row contributes to the gradient of its distances: pull[i] = (ρ, μ) in
//   dL/dd[i,j] = ρ·w[i,j] − r·gain[j]·[best[j] = i] + μ·[nearest[i] = j]
// with T = Σ gain[j] and Q = Σ gain[j]·t[i,j] over the columns j whose best row is i:
// ρ = r·T/s, μ = h·r·(Q − T·spread).
// Without SOURCE each row chose its nearest point, where t = 0:
// T = gain[i], μ = −r·T·(1 + h·spread), and best is not read.
// chosen[i] = 1 where any column chose the row: the others have no gradient.
// One invocation a row, which walks all columns. gain = dL/dc · c [batch, M], or [batch, N] without SOURCE.
const SOURCE = true;         // seam: the largest similarity is taken over rows
struct Params { batch : u32, n : u32, m : u32, h : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> rows : array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> spread : array<f32>;
@group(0) @binding(3) var<storage, read> best : array<u32>;
@group(0) @binding(4) var<storage, read> c : array<f32>;
@group(0) @binding(5) var<storage, read> gain : array<f32>;
@group(0) @binding(6) var<storage, read_write> pull : array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> chosen : array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.batch * params.n) { return; }
  let r = bitcast<f32>(rows[i].y);
  let lnS = bitcast<f32>(rows[i].z);
  var sums = vec2<f32>();
  var mu = 0.0;
  var any = 0u;
  if (SOURCE) {
    let row = i % params.n;
    let base = i / params.n * params.m;
    for (var j = base; j < base + params.m; j += 1u) {
      if (best[j] == row) {
        any = 1u;
        sums += gain[j] * vec2<f32>(1.0, max(-log(max(c[j], 1e-37)) - lnS, 0.0));
      }
    }
  } else {
    sums.x = gain[i];
    mu = -r * gain[i];
    any = 1u;
  }
  pull[i] = vec2<f32>(r * sums.x * exp(-lnS), mu + params.h * r * (sums.y - sums.x * spread[i]));
  chosen[i] = any;
}
