// f[i] = (Fx, Fy, Z − 1, 0) at point i, interpolated from the 4 × 4 nodes round it as tsne-spread spreads them:
// the repulsion of all points and the point's part of the sum Z, without its own part, which is 1.
// One thread takes one point. Layouts: y [n] of (x, y) · box [4] as tsne-spread has it · fields [2, side, side] of
// (Z, Fx) and (Fy, ·) · f [n].
struct Params { n : u32, side : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> y : array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> box : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> fields : array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> f : array<vec4<f32>>;

// Weights of the nodes at −1, 0, 1, 2 for a place t in [0, 1].
fn lagrange(t : f32) -> vec4<f32> {
  let a = t + 1.0;
  let b = t - 1.0;
  let c = t - 2.0;
  return vec4<f32>(-t * b * c / 6.0, a * b * c / 2.0, -a * t * c / 2.0, a * t * b / 6.0);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  let at = (y[i] - box[0].xy) * box[0].z;
  let node = clamp(floor(at), vec2<f32>(1.0), vec2<f32>(f32(params.side) - 3.0));
  let lx = lagrange(at.x - node.x);
  let ly = lagrange(at.y - node.y);
  let corner = vec2<u32>(node) - 1u;
  var sum = vec3<f32>();
  for (var v = 0u; v < 4u; v += 1u) {
    for (var u = 0u; u < 4u; u += 1u) {
      let k = (corner.y + v) * params.side + corner.x + u;
      let a = fields[k];
      sum += (lx[u] * ly[v]) * vec3<f32>(a.y, fields[params.side * params.side + k].x, a.x);
    }
  }
  f[i] = vec4<f32>(sum.xy, sum.z - 1.0, 0.0);
}
