// Mean and Σ(x − mean)² of value(o, r) over r = s, s + splits, …, for statistics over inner axes (layer norm).
// One thread a row and residue; sums are taken of x − x₀ so that a large mean cancels nothing.
// Residues are joined by moments-merge; with splits = 1 the result is final: mean, variance.
alias F = f32;               // with I, U, B: the types of value's expression
alias I = i32;
alias U = u32;
alias B = bool;
struct Params { outs : u32, count : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> mean : array<f32>;
@group(0) @binding(2) var<storage, read_write> spread : array<f32>;
// hook: the r-th of the elements that make output o
fn value(o : u32, r : u32) -> F { return F(); }

// A sum of squares that rounding made negative is zero; max would drop NaN, which must stay.
fn kept(v : f32) -> f32 { return select(max(v, 0.0), v, (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outs * params.splits) { return; }
  let o = t / params.splits;
  let first = t % params.splits;
  let x0 = value(o, first);
  var s = 0.0;
  var q = 0.0;
  var n = 1.0;
  for (var r = first + params.splits; r < params.count; r += params.splits) {
    let d = value(o, r) - x0;
    s += d;
    q += d * d;
    n += 1.0;
  }
  let m = s / n;
  let m2 = kept(q - s * m);
  mean[t] = x0 + m;
  spread[t] = select(m2, m2 / n, params.splits == 1u);
}
