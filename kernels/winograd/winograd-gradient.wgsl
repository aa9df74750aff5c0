// u = G·g·Gᵀ of each 4 × 4 tile g of dy, for the gradient of a 3 × 3 filter by Winograd's F(3×3, 4×4) over the points
// 0, ±5/8, ±3/2, ∞: each tile is a filter that meets a 6 × 6 window of x. Outside dy a tile is zero.
// One invocation transforms one tile of one channel; of the tiles in order those from `first` on, `tiles` many.
// Layouts: dy NPQK · u [36][tiles][K]; tiles [N, ⌈P/4⌉, ⌈Q/4⌉]. Needs: nothing.
alias Elem = f32;            // seam: storage type of dy
alias F = f32;
const A = 0.625;             // the points and their squares
const B = 1.5;
const A2 = 0.390625;
const B2 = 2.25;
struct Params { first : u32, tiles : u32, n : u32, p : u32, q : u32, k : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem>;
@group(0) @binding(2) var<storage, read_write> u : array<F>;

// G·g of four numbers g: the polynomial at each point, over the product of the point's distances from the others.
fn transformed(g0 : F, g1 : F, g2 : F, g3 : F) -> array<F, 6> {
  let a = (g0 + A2 * g2) / (2.0 * A2 * (A2 - B2));
  let b = (g0 + B2 * g2) / (2.0 * B2 * (B2 - A2));
  let a1 = (g1 + A2 * g3) / (2.0 * A * (A2 - B2));
  let b1 = (g1 + B2 * g3) / (2.0 * B * (B2 - A2));
  return array<F, 6>(g0 / (A2 * B2), a + a1, a - a1, b + b1, b - b1, g3);
}

// Four pixels of image n from (p, q) on, transformed.
fn line(n : u32, p : u32, q : u32, k : u32) -> array<F, 6> {
  let row = (n * params.p + p) * params.q;
  let width = select(0u, params.q, n < params.n && p < params.p);
  var g = array<F, 4>();
  for (var j = 0u; j < 4u; j += 1u) {
    let ok = q + j < width;
    g[j] = select(0.0, F(dy[select(0u, (row + q + j) * params.k + k, ok)]), ok);
  }
  return transformed(g[0], g[1], g[2], g[3]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  let count = params.tiles * params.k;
  if (i >= count) { return; }
  let k = i % params.k;
  let tile = params.first + i / params.k;
  let rows = (params.p + 3u) / 4u;
  let columns = (params.q + 3u) / 4u;
  let n = tile / columns / rows;
  let p = tile / columns % rows * 4u;
  let q = tile % columns * 4u;
  let l0 = line(n, p, q, k);
  let l1 = line(n, p + 1u, q, k);
  let l2 = line(n, p + 2u, q, k);
  let l3 = line(n, p + 3u, q, k);
  for (var j = 0u; j < 6u; j += 1u) {
    let t = transformed(l0[j], l1[j], l2[j], l3[j]);
    for (var r = 0u; r < 6u; r += 1u) { u[(r * 6u + j) * count + i] = t[r]; }
  }
}
