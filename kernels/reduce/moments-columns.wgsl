// Mean and Σ(x − mean)² of value(o, r) over chunk s of r, for statistics over outer axes (batch and instance norm).
// One thread a column and chunk. Sums are taken of x − x₀ with x₀ the chunk's first element, so that a large
// mean cancels nothing. Chunks are joined by moments-merge; with splits = 1 the result is final: mean, variance.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
struct Params { outs : u32, count : u32, chunk : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> mean : array<F>;
@group(0) @binding(2) var<storage, read_write> spread : array<F>;
// hook: the r-th of the elements that make output o
fn value(o : u32, r : u32) -> F { return F(); }

// A sum of squares that rounding made negative is zero; max would drop NaN, which must stay.
fn kept(v : F) -> F { return select(max(v, F()), v, (bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u)); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outs * params.splits) { return; }
  let o = t % params.outs;
  let first = (t / params.outs) * params.chunk;
  let end = min(first + params.chunk, params.count);
  let n = f32(end - first);
  let x0 = value(o, first);
  var s = F();
  var q = F();
  for (var r = first + 1u; r < end; r += 1u) {
    let d = value(o, r) - x0;
    s += d;
    q += d * d;
  }
  let m = s / n;
  let m2 = kept(q - s * m);
  mean[t] = x0 + m;
  spread[t] = select(m2, m2 / n, B(params.splits == 1u));
}
