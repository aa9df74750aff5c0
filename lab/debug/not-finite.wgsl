// found[2·at], found[2·at + 1]: how many of n numbers are infinite or NaN, and the least index among these.
// One invocation looks at one number; numbers stand at a view of rank 8 in words, f32 or halves of words.
struct Params { n : u32, offset : u32, half : u32, at : u32, shape : array<vec4<u32>, 2>, strides : array<vec4<u32>, 2> }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> words : array<u32>;
@group(0) @binding(2) var<storage, read_write> found : array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  var rest = i;
  var place = params.offset;
  for (var d = 8u; d > 0u; d--) {
    let size = params.shape[(d - 1u) / 4u][(d - 1u) % 4u];
    place += rest % size * params.strides[(d - 1u) / 4u][(d - 1u) % 4u];
    rest /= size;
  }
  var isBad : bool;
  if (params.half == 1u) {
    isBad = ((words[place / 2u] >> (16u * (place % 2u))) & 0x7c00u) == 0x7c00u;
  } else {
    isBad = (words[place] & 0x7f800000u) == 0x7f800000u;
  }
  if (isBad) {
    atomicAdd(&found[2u * params.at], 1u);
    atomicMin(&found[2u * params.at + 1u], i);
  }
}
