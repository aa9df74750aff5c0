// y[o] = ⊕_r value(o, r), one workgroup for `wide` neighbouring outputs: a reduction too long for a thread and too
// short for two dispatches. Lane l of an output takes r = l, l + lanes, …; every thread joins the lanes in order. One barrier.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Y = f32;               // seam: what is stored: F, or f32 where the lanes of an F make one output
const COMBINE = 0u;          // seam: 0 sum, 1 max, 2 min, 3 product
const THREADS = 64u;         // seam
struct Params { outs : u32, count : u32, wide : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> y : array<Y>;
// hook: the r-th of the elements that make output o
fn value(o : u32, r : u32) -> F { return F(); }
// hook: what is fused into the write; i = output index in units of Y
fn epilogue(v : Y, i : u32) -> Y { return v; }
// hook: joins the lanes of F
fn lanes(v : F) -> Y { return v; }

fn nan(x : F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }
fn combine(a : F, b : F) -> F {
  if (COMBINE == 0u) { return a + b; }
  if (COMBINE == 3u) { return a * b; }
  if (COMBINE == 1u) { return select(select(max(a, b), b, nan(b)), a, nan(a)); }
  return select(select(min(a, b), b, nan(b)), a, nan(a));
}

var<workgroup> handed : array<F, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let wide = params.wide;
  let o = (group.x + group.y * groups.x) * wide + t % wide;
  let lane = t / wide;
  let step = THREADS / wide;
  var acc = F();
  if (o < params.outs && lane < params.count) {
    acc = value(o, lane);
    for (var r = lane + step; r < params.count; r += step) { acc = combine(acc, value(o, r)); }
  }
  handed[t] = acc;
  workgroupBarrier();
  if (o >= params.outs) { return; }
  acc = handed[t % wide];
  for (var l = 1u; l < min(step, params.count); l += 1u) { acc = combine(acc, handed[l * wide + t % wide]); }
  if (lane == 0u) { y[o] = epilogue(lanes(acc), o); }
}
