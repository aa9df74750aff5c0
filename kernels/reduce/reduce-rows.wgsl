// y[o,s] = ⊕ value(o, r) over r = s, s + splits, …: reduction over inner axes, one thread an output and residue.
// Neighbouring threads read neighbouring elements. No barriers: residues are joined by a second pass.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
const COMBINE = 0u;          // seam: 0 sum, 1 max, 2 min, 3 product
struct Params { outs : u32, count : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
// hook: the r-th of the elements (in units of F) that make output o
fn value(o : u32, r : u32) -> F { return F(); }
// hook: what is fused into the write; i = output index
fn epilogue(v : f32, i : u32) -> f32 { return v; }
// hook: joins the lanes of F
fn lanes(v : F) -> f32 { return v; }

fn nan(x : F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }
fn combine(a : F, b : F) -> F {
  if (COMBINE == 0u) { return a + b; }
  if (COMBINE == 3u) { return a * b; }
  if (COMBINE == 1u) { return select(select(max(a, b), b, nan(b)), a, nan(a)); }
  return select(select(min(a, b), b, nan(b)), a, nan(a));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outs * params.splits) { return; }
  let o = t / params.splits;
  let s = t % params.splits;
  if (s >= params.count) { y[t] = epilogue(select(0.0, 1.0, COMBINE == 3u), t); return; }
  var acc = value(o, s);
  for (var r = s + params.splits; r < params.count; r += params.splits) { acc = combine(acc, value(o, r)); }
  y[t] = epilogue(lanes(acc), t);
}
