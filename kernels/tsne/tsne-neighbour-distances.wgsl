// d2[r,j] = |x[first + r] − x[index[r,j]]|², the sum of squared differences itself: near points lose nothing to
// rounding, as they would in |a|² + |b|² − 2ab. One thread takes one pair.
// Layouts: x [n, c] · index [rows, k] · first [1] · d2 [rows, k].
struct Params { rows : u32, k : u32, c : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read> index : array<u32>;
@group(0) @binding(3) var<storage, read> first : array<u32>;
@group(0) @binding(4) var<storage, read_write> d2 : array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.rows * params.k) { return; }
  let a = (first[0] + t / params.k) * params.c;
  let b = index[t] * params.c;
  var sum = 0.0;
  for (var i = 0u; i < params.c; i += 1u) {
    let d = x[a + i] - x[b + i];
    sum += d * d;
  }
  d2[t] = sum;
}
