// g[0,v,u] = (1/(1 + d²), dx/(1 + d²)²)/side², g[1,v,u] = (dy/(1 + d²)², 0)/side², for nodes u and v apart, wrapped
// round: what a point at node (0, 0) does at node (u, v), as complex numbers whose transform convolves. The division
// is that of the inverse transform. One thread takes one node.
// Layouts: spacing [1], of two nodes · g [2, side, side] complex.
struct Params { side : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> spacing : array<f32>;
@group(0) @binding(2) var<storage, read_write> g : array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let side = params.side;
  if (t >= side * side) { return; }
  let at = vec2<i32>(i32(t % side), i32(t / side));
  let d = vec2<f32>(select(at, at - i32(side), at >= vec2<i32>(i32(side / 2u)))) * spacing[0];
  let w = 1.0 / (1.0 + dot(d, d));
  let norm = 1.0 / f32(side * side);
  g[t] = norm * vec2<f32>(w, w * w * d.x);
  g[side * side + t] = norm * vec2<f32>(w * w * d.y, 0.0);
}
