// y[h, w, c] = scale · picture(w, h)[c] + offset: the first C channels of a texture [W, H] as a tensor [1, H, W, C].
// An invocation a texel. C is 1 to 4.
alias Texel = f32; // seam: f32, or u32 or i32 of integer formats

struct Params {
  W: u32,
  H: u32,
  C: u32,
  scale: f32,
  offset: f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@group(0) @binding(2) var picture : texture_2d<Texel>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= params.W || id.y >= params.H) {
    return;
  }
  let texel = vec4<f32>(textureLoad(picture, id.xy, 0));
  let first = (id.y * params.W + id.x) * params.C;
  for (var c = 0u; c < params.C; c++) {
    y[first + c] = params.scale * texel[c] + params.offset;
  }
}
