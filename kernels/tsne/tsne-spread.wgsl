// cells[v,u] += L_u(x_i)·L_v(y_i) over all points i: each is spread over the 4 × 4 nodes round it by cubic Lagrange
// polynomials (the interpolation of Linderman et al. 2019, with nodes that move along with the point).
// Whole multiples of 1/scale are added, so that sums do not depend on how threads are scheduled. One thread takes one
// point. Layouts: y [n] of (x, y) · box [4]: x and y of node (0, 0), nodes a unit, 0 · cells [side, side].
// Needs: cells zero, n·scale < 2³¹.
struct Params { n : u32, side : u32, scale : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> y : array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> box : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> cells : array<atomic<i32>>;

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
  for (var v = 0u; v < 4u; v += 1u) {
    for (var u = 0u; u < 4u; u += 1u) {
      atomicAdd(&cells[(corner.y + v) * params.side + corner.x + u], i32(round(lx[u] * ly[v] * params.scale)));
    }
  }
}
