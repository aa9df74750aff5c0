// u = G·g·Gᵀ of each 3 × 3 filter g, for Winograd's F(4×4, 3×3) over the points 0, ±5/8, ±3/2, ∞; with `flip` of g
// turned by half a turn. One invocation transforms four filters.
// Layouts: w RSCK · u [36][C, K], in vec4s. size = C·K / 4. Needs: K multiple of 4.
alias Elem4 = vec4<f32>;     // seam: storage type of w
alias F = vec4<f32>;
const A = 0.625;             // the points and their squares
const B = 1.5;
const A2 = 0.390625;
const B2 = 2.25;
struct Params { size : u32, flip : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> w : array<Elem4>;
@group(0) @binding(2) var<storage, read_write> u : array<F>;

// G·g of three numbers g: the polynomial at each point, over the product of the point's distances from the others.
fn transformed(g0 : F, g1 : F, g2 : F) -> array<F, 6> {
  let a = (g0 + A2 * g2) / (2.0 * A2 * (A2 - B2));
  let b = (g0 + B2 * g2) / (2.0 * B2 * (B2 - A2));
  let a1 = g1 / (2.0 * A * (A2 - B2));
  let b1 = g1 / (2.0 * B * (B2 - A2));
  return array<F, 6>(g0 / (A2 * B2), a + a1, a - a1, b + b1, b - b1, g2);
}

// One row of the filter, transformed.
fn line(r : u32, i : u32) -> array<F, 6> {
  let at = select(3u * r, 8u - 3u * r, params.flip == 1u) * params.size + i;
  let step = select(params.size, 0u - params.size, params.flip == 1u);
  return transformed(F(w[at]), F(w[at + step]), F(w[at + 2u * step]));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.size) { return; }
  let l0 = line(0u, i);
  let l1 = line(1u, i);
  let l2 = line(2u, i);
  for (var j = 0u; j < 6u; j += 1u) {
    let t = transformed(l0[j], l1[j], l2[j]);
    for (var r = 0u; r < 6u; r += 1u) { u[(r * 6u + j) * params.size + i] = t[r]; }
  }
}
