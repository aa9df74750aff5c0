// dx[a,h,w,c] = Σ dy[a,p,q,c] over all (p, q) whose source in pad-image is (h, w):
// its transpose, but for constant padding (a slice).
// One thread computes one F of dx. Along an axis an element has a copy in the image, and by mirror or wrap one below
// and one above it; by replicate an edge has a run of them. Sums go row by row, upwards.
// Layouts: dx AHWC · dy APQC, row-major. Needs: as pad-image.wgsl.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const MODE = 1u;             // seam: 1 reflect, 2 replicate, 3 circular, 4 symmetric
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, top : u32, left : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem>;
@group(0) @binding(2) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// Outputs that copy element i along an axis of `size` elements with `low` before and `outs` in all: `count` of them.
struct Copies { below : i32, here : i32, above : i32, count : i32 }
fn copies(i : i32, size : i32, low : i32, outs : i32) -> Copies {
  let o = i + low;
  if (MODE == 2u) {
    let first = select(o, 0, i == 0);
    return Copies(-1, first, first + 1, select(o + 1, outs, i == size - 1) - first);
  }
  var below = select(low - i, -1, i == 0);
  var above = select(low + 2 * (size - 1) - i, outs, i == size - 1);
  if (MODE == 3u) { below = o - size; above = o + size; }
  if (MODE == 4u) { below = low - 1 - i; above = low + 2 * size - 1 - i; }
  return Copies(below, o, above, 1 + select(0, 1, below >= 0) + select(0, 1, above < outs));
}
// The k-th of them, upwards.
fn copy(c : Copies, k : i32) -> u32 {
  if (MODE == 2u) { return u32(c.here + k); }
  let j = select(k, k - 1, c.below >= 0);
  return u32(select(select(c.above, c.here, j == 0), c.below, j < 0));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.h * params.w * depth) { return; }
  let column = t / depth;
  let c = t - column * depth;
  let row = column / params.w;
  let image = row / params.h;
  let p = copies(i32(row - image * params.h), i32(params.h), i32(params.top), i32(params.p));
  let q = copies(i32(column - row * params.w), i32(params.w), i32(params.left), i32(params.q));
  var sum = F();
  for (var j = 0; j < p.count; j += 1) {
    let line = (image * params.p + copy(p, j)) * params.q;
    for (var k = 0; k < q.count; k += 1) { sum += F(dy[(line + copy(q, k)) * depth + c]); }
  }
  dx[t] = Elem(epilogue(sum, t));
}
