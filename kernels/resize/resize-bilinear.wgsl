// y[n,p,q,c] = bilinear mix of the four x around (p', q'), p' = max(p·mulY + addY, 0) / denY, q' likewise from q.
// Source coordinates are whole numerators over a whole denominator:
// floor and weight are exact, and the same on every device.
// One thread computes one F of y. Layouts: x NHWC · y NPQC.
// Needs: c % LANES == 0, p·mul + |add| below 2³¹ along both axes.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  mulY : i32, addY : i32, denY : i32, mulX : i32, addX : i32, denX : i32,
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }
// hook: where output i is stored
fn place(i : u32) -> u32 { return i; }

// The two elements an output lies between along an axis, and the weight of the second.
struct Pair { a : u32, b : u32, weight : f32 }
fn around(o : u32, size : u32, mul : i32, add : i32, den : i32) -> Pair {
  let at = u32(max(i32(o) * mul + add, 0));
  let a = at / u32(den);
  return Pair(min(a, size - 1u), min(a + 1u, size - 1u), f32(at - a * u32(den)) / f32(den));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.p * params.q * depth) { return; }
  let column = t / depth;
  let c = t - column * depth;
  let row = column / params.q;
  let image = row / params.p;
  let h = around(row - image * params.p, params.h, params.mulY, params.addY, params.denY);
  let w = around(column - row * params.q, params.w, params.mulX, params.addX, params.denX);
  let top = (image * params.h + h.a) * params.w;
  let bottom = (image * params.h + h.b) * params.w;
  let upper = (1.0 - w.weight) * F(x[(top + w.a) * depth + c]) + w.weight * F(x[(top + w.b) * depth + c]);
  let lower = (1.0 - w.weight) * F(x[(bottom + w.a) * depth + c]) + w.weight * F(x[(bottom + w.b) * depth + c]);
  y[place(t)] = Elem(epilogue((1.0 - h.weight) * upper + h.weight * lower, t));
}
