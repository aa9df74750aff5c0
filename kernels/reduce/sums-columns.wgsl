// y0[s,o] = Σ value(o, r), y1[s,o] = Σ other(o, r) over r in chunk s: two sums over outer axes in one walk, one thread
// an output column and chunk. What both expressions read is read once. No barriers: chunks are joined by a second pass.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
struct Params { outs : u32, count : u32, chunk : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> y0 : array<F>;
@group(0) @binding(2) var<storage, read_write> y1 : array<F>;
// hook: the r-th of the elements that make output o of y0
fn value(o : u32, r : u32) -> F { return F(); }
// hook: and of y1
fn other(o : u32, r : u32) -> F { return F(); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outs * params.splits) { return; }
  let o = t % params.outs;
  let first = (t / params.outs) * params.chunk;
  let end = min(first + params.chunk, params.count);
  var a = F();
  var b = F();
  for (var r = first; r < end; r += 1u) {
    a += value(o, r);
    b += other(o, r);
  }
  y0[t] = a;
  y1[t] = b;
}
