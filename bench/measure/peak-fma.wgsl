// y[i] = what `rounds` rounds of 64 fused multiply–adds on vec4 make of x: as fast as arithmetic gets on this device.
// One invocation a vec4; eight chains that do not wait for one another. 512 · rounds floating-point operations an invocation.
struct Params { n : u32, rounds : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y : array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let at = id.x + id.y * groups.x * 64u;
  if (at >= params.n) { return; }
  let b = x[at];
  var a0 = b; var a1 = b + 1.0; var a2 = b + 2.0; var a3 = b + 3.0;
  var a4 = b + 4.0; var a5 = b + 5.0; var a6 = b + 6.0; var a7 = b + 7.0;
  for (var i = 0u; i < params.rounds; i++) {
    for (var j = 0u; j < 8u; j++) {
      a0 = fma(a0, b, b); a1 = fma(a1, b, b); a2 = fma(a2, b, b); a3 = fma(a3, b, b);
      a4 = fma(a4, b, b); a5 = fma(a5, b, b); a6 = fma(a6, b, b); a7 = fma(a7, b, b);
    }
  }
  y[at] = ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7));
}
