// y = Aᵀ·m·A: the 4 × 4 tiles of y = conv2d(x, w) of 3 × 3 from their 6 × 6 products m, Winograd's F(4×4, 3×3) over the
// points 0, ±5/8, ±3/2, ∞. One invocation makes one tile of one vec4 of channels, of the tiles in order those from
// `first` on, `tiles` many; what of a tile lies outside y is not written.
// Layouts: m [36][tiles][K] · y NPQK, in vec4s; tiles [N, ⌈P/4⌉, ⌈Q/4⌉]. Needs: K multiple of 4.
alias Elem4 = vec4<f32>;     // seam: storage type of y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
const A1 = 0.625;            // the points, their squares and cubes
const B1 = 1.5;
const A2 = 0.390625;
const B2 = 2.25;
const A3 = 0.244140625;
const B3 = 3.375;
struct Params { first : u32, tiles : u32, p : u32, q : u32, k : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> m : array<F>;
@group(0) @binding(2) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }
// hook: where y is written; i = output index in units of F
fn place(i : u32) -> u32 { return i; }

// Aᵀ·d of six numbers d.
fn transformed(d0 : F, d1 : F, d2 : F, d3 : F, d4 : F, d5 : F) -> mat4x4<f32> {
  let a = d1 + d2;
  let a1 = d1 - d2;
  let b = d3 + d4;
  let b1 = d3 - d4;
  return mat4x4<f32>(d0 + a + b, A1 * a1 + B1 * b1, A2 * a + B2 * b, A3 * a1 + B3 * b1 + d5);
}
// One row of the products, transformed.
fn line(i : u32, row : u32, count : u32) -> mat4x4<f32> {
  let at = row * 6u * count + i;
  return transformed(m[at], m[at + count], m[at + 2u * count], m[at + 3u * count], m[at + 4u * count], m[at + 5u * count]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let kRow = params.k / 4u;
  let count = params.tiles * kRow;
  if (t >= count) { return; }
  let k = t % kRow;
  let tile = params.first + t / kRow;
  let rows = (params.p + 3u) / 4u;
  let columns = (params.q + 3u) / 4u;
  let n = tile / columns / rows;
  let p = tile / columns % rows * 4u;
  let q = tile % columns * 4u;
  let l0 = line(t, 0u, count);
  let l1 = line(t, 1u, count);
  let l2 = line(t, 2u, count);
  let l3 = line(t, 3u, count);
  let l4 = line(t, 4u, count);
  let l5 = line(t, 5u, count);
  var out = array<mat4x4<f32>, 4>();       // [column][row]
  for (var j = 0u; j < 4u; j += 1u) { out[j] = transformed(l0[j], l1[j], l2[j], l3[j], l4[j], l5[j]); }
  for (var a = p; a < min(p + 4u, params.p); a += 1u) {
    for (var b = q; b < min(q + 4u, params.q); b += 1u) {
      let i = ((n * params.p + a) * params.q + b) * kRow + k;
      y[place(i)] = Elem4(epilogue(out[b - q][a - p], i));
    }
  }
}
