// picture(w, h)[c] = scale · x[h, w, c] + offset: a tensor [1, H, W, C] as a texture [W, H].
// An invocation a texel. C is 1 to 4: one channel is grey; alpha is 1 unless it is the fourth.
alias Picture = texture_storage_2d<rgba8unorm, write>; // seam: of another format

struct Params {
  W: u32,
  H: u32,
  C: u32,
  scale: f32,
  offset: f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var picture : Picture;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= params.W || id.y >= params.H) {
    return;
  }
  let first = (id.y * params.W + id.x) * params.C;
  var texel = vec4<f32>(vec3<f32>(params.scale * x[first] + params.offset), 1.0);
  for (var c = 1u; c < params.C; c++) {
    texel[c] = params.scale * x[first + c] + params.offset;
  }
  if (params.C == 2u) {
    texel.z = 0.0;
  }
  textureStore(picture, id.xy, texel);
}
