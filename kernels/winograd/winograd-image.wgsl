// v = Bᵀ·d·B of each 6 × 6 window d of x that a 4 × 4 tile of y = conv2d(x, w) of 3 × 3 meets: Winograd's F(4×4, 3×3)
// over the points 0, ±5/8, ±3/2, ∞; also of F(3×3, 4×4). Windows step by 4 from (−padTop, −padLeft);
// outside x they are zero, or its mirror image.
// One invocation transforms one window of one F of channels; of the tiles in order those from `first` on, `tiles` many.
// Layouts: x NHWC · v [36][tiles][C]; tiles [N, ⌈P/4⌉, ⌈Q/4⌉]. Needs: stride and dilation 1, one group, c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
const A1 = 0.625;            // the points and their squares
const B1 = 1.5;
const A2 = 0.390625;
const B2 = 2.25;
struct Params { first : u32, tiles : u32, n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, padTop : i32, padLeft : i32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> v : array<F>;

// Bᵀ·d of six numbers d.
fn transformed(d0 : F, d1 : F, d2 : F, d3 : F, d4 : F, d5 : F) -> array<F, 6> {
  let a0 = d4 - B2 * d2;
  let a1 = A1 * (d3 - B2 * d1);
  let b0 = d4 - A2 * d2;
  let b1 = B1 * (d3 - A2 * d1);
  return array<F, 6>(d4 - (A2 + B2) * d2 + A2 * B2 * d0, a0 + a1, a0 - a1, b0 + b1, b0 - b1, d5 - (A2 + B2) * d3 + A2 * B2 * d1);
}

// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : i32, size : u32) -> i32 {
  if (!REFLECT) { return i; }
  let last = i32(size) - 1;
  return max(last - abs(last - abs(i)), 0);
}
// Six pixels of image n from (h, w) on, transformed.
fn line(n : u32, h : i32, w : i32, c : u32) -> array<F, 6> {
  let depth = params.c / LANES;
  let y = u32(mirror(h, params.h));
  let row = (n * params.h + y) * params.w;
  let width = select(0u, params.w, n < params.n && y < params.h);
  var d = array<F, 6>();
  for (var j = 0; j < 6; j += 1) {
    let column = u32(mirror(w + j, params.w));
    let ok = column < width;
    d[j] = select(F(), F(x[select(0u, (row + column) * depth + c, ok)]), ok);
  }
  return transformed(d[0], d[1], d[2], d[3], d[4], d[5]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  let count = params.tiles * depth;
  if (i >= count) { return; }
  let c = i % depth;
  let tile = params.first + i / depth;
  let rows = (params.p + 3u) / 4u;
  let columns = (params.q + 3u) / 4u;
  let n = tile / columns / rows;
  let h = i32(tile / columns % rows * 4u) - params.padTop;
  let w = i32(tile % columns * 4u) - params.padLeft;
  let l0 = line(n, h, w, c);
  let l1 = line(n, h + 1, w, c);
  let l2 = line(n, h + 2, w, c);
  let l3 = line(n, h + 3, w, c);
  let l4 = line(n, h + 4, w, c);
  let l5 = line(n, h + 5, w, c);
  for (var j = 0u; j < 6u; j += 1u) {
    let t = transformed(l0[j], l1[j], l2[j], l3[j], l4[j], l5[j]);
    for (var r = 0u; r < 6u; r += 1u) { v[(r * 6u + j) * count + i] = t[r]; }
  }
}
