// y = x: as fast as memory gets on this device. One invocation a vec4.
struct Params { n : u32, rounds : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y : array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let at = id.x + id.y * groups.x * 64u;
  if (at < params.n) { y[at] = x[at]; }
}
