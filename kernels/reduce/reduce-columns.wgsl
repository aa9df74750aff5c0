// y[s,o] = ⊕_{r in chunk s} value(o, r): reduction over outer axes, one thread an output column and chunk.
// Neighbouring threads read neighbouring columns. No barriers: chunks are joined by a second pass.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
const COMBINE = 0u;          // seam: 0 sum, 1 max, 2 min, 3 product
struct Params { outs : u32, count : u32, chunk : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> y : array<F>;
// hook: the r-th of the elements that make output o
fn value(o : u32, r : u32) -> F { return F(); }
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

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
  let o = t % params.outs;
  let first = (t / params.outs) * params.chunk;
  let end = min(first + params.chunk, params.count);
  if (first >= end) { y[t] = epilogue(select(F(0.0), F(1.0), B(COMBINE == 3u)), t); return; }
  var acc = value(o, first);
  for (var r = first + 1u; r < end; r += 1u) { acc = combine(acc, value(o, r)); }
  y[t] = epilogue(acc, t);
}
