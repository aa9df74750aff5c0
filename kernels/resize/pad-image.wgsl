// y[a,p,q,c] = x[a, source(p − top), source(q − left), c]: padding along two neighbouring axes, by MODE.
// One thread computes one F of y. Layouts: x AHWC · y APQC, row-major.
// Needs: c % LANES == 0; pads below the size for reflect, up to the size for circular and symmetric;
// size > 0 but for constant.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const MODE = 1u;             // seam: 0 constant, 1 reflect, 2 replicate, 3 circular, 4 symmetric
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, top : u32, left : u32, value : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// Which of `size` elements stands at coordinate t; −1: none does.
fn source(t : i32, size : i32) -> i32 {
  if (t >= 0 && t < size) { return t; }
  let below = t < 0;
  if (MODE == 1u) { return select(2 * (size - 1) - t, -t, below); }
  if (MODE == 2u) { return select(size - 1, 0, below); }
  if (MODE == 3u) { return select(t - size, t + size, below); }
  if (MODE == 4u) { return select(2 * size - 1 - t, -1 - t, below); }
  return -1;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.p * params.q * depth) { return; }
  let column = t / depth;
  let row = column / params.q;
  let image = row / params.p;
  let h = source(i32(row - image * params.p) - i32(params.top), i32(params.h));
  let w = source(i32(column - row * params.q) - i32(params.left), i32(params.w));
  var v = F(params.value);
  if (h >= 0 && w >= 0) { v = F(x[((image * params.h + u32(h)) * params.w + u32(w)) * depth + (t - column * depth)]); }
  y[t] = Elem(epilogue(v, t));
}
