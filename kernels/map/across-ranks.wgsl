// y[i] = x[i]: a sum over ranks as one of them begins it. Whoever runs the program sums y over the ranks, and goes on.
struct Params { n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i < params.n) { y[i] = x[i]; }
}
