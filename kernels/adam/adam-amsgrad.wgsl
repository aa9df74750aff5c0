// Adam (Kingma & Ba, 2015) over a whole arena of parameters in one dispatch; one thread four elements.
//   m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − rate · m / (√v · rootBias + ε)
// with rate = lr/(1−β₁ᵗ), rootBias = 1/√(1−β₂ᵗ) and factor·g + decay·p in place of g (loss scale, clipping; L2 decay).
// control = 1−β₁ᵗ, 1−β₂ᵗ, factor, and 1 to update or 0 to leave everything as it is.
// AMSGrad: the root is of w, the largest v so far (Reddi et al., 2018).
struct Params { n : u32, beta1 : f32, beta2 : f32, eps : f32, decay : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> g : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> lr : array<f32>;
@group(0) @binding(3) var<storage, read> control : array<f32>;
@group(0) @binding(4) var<storage, read_write> p : array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> m : array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> v : array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> w : array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n || control[3] == 0.0) { return; }
  let gi = control[2] * g[i] + params.decay * p[i];
  let mi = params.beta1 * m[i] + (1.0 - params.beta1) * gi;
  let vi = params.beta2 * v[i] + (1.0 - params.beta2) * gi * gi;
  m[i] = mi;
  v[i] = vi;
  // max would drop NaN.
  let nan = (bitcast<vec4<u32>>(vi) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  let wi = select(max(w[i], vi), vi, nan);
  w[i] = wi;
  p[i] -= lr[0] / control[0] * mi / (sqrt(wi / control[1]) + params.eps);
}
