// Mean and variance of value(o, r) over r, then y[at(o, r)] = after(o, r, mean, variance): a norm in one dispatch. One
// workgroup holds `wide` neighbouring columns o; lane l of a column takes r = l, l + lanes, …. A lane sums x − x₀, x₀
// its first element, and lanes are joined in order by Chan, Golub & LeVeque (1983), by every thread for itself.
// Needs: count > 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Y = f32;               // seam: what is stored of `after`
const THREADS = 64u;         // seam
struct Params { outs : u32, count : u32, wide : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> first : array<F>;
@group(0) @binding(2) var<storage, read_write> second : array<F>;
@group(0) @binding(3) var<storage, read_write> y : array<Y>;
// hook: what `value` needs of column o, kept in private variables
fn before(o : u32) {}
// hook: the r-th element of column o
fn value(o : u32, r : u32) -> F { return F(); }
// hook: the same for `after`
fn between(o : u32, a : F, b : F) {}
// hook: what is made of it, given mean and variance of the column
fn after(o : u32, r : u32, a : F, b : F) -> Y { return Y(a + b); }
// hook: where that is stored, in units of F
fn at(o : u32, r : u32) -> u32 { return r * params.outs + o; }
// hook: where else
fn also(o : u32, r : u32, v : Y) {}

var<workgroup> handedMean : array<F, THREADS>;
var<workgroup> handedSpread : array<F, THREADS>;

// A sum of squares that rounding made negative is zero; max would drop NaN, which must stay.
fn kept(v : F) -> F { return select(max(v, F()), v, (bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u)); }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let wide = params.wide;
  let o = (group.x + group.y * groups.x) * wide + t % wide;
  let lane = t / wide;
  let step = THREADS / wide;
  let live = o < params.outs;
  if (live && lane < params.count) {
    before(o);
    let x0 = value(o, lane);
    var s = F();
    var q = F();
    for (var r = lane + step; r < params.count; r += step) {
      let d = value(o, r) - x0;
      s += d;
      q += d * d;
    }
    let m = s / f32((params.count - lane + step - 1u) / step);
    handedMean[t] = x0 + m;
    handedSpread[t] = kept(q - s * m);
  }
  workgroupBarrier();
  if (!live) { return; }
  var n = f32((params.count + step - 1u) / step);
  var mean = handedMean[t % wide];
  var spread = handedSpread[t % wide];
  for (var l = 1u; l < min(step, params.count); l += 1u) {
    let k = f32((params.count - l + step - 1u) / step);
    let d = handedMean[l * wide + t % wide] - mean;
    let w = k / (n + k);
    mean += d * w;
    spread += handedSpread[l * wide + t % wide] + d * d * n * w;
    n += k;
  }
  let variance = spread / n;
  if (lane == 0u) {
    first[o] = mean;
    second[o] = variance;
  }
  between(o, mean, variance);
  for (var r = lane; r < params.count; r += step) {
    let v = after(o, r, mean, variance);
    y[at(o, r)] = v;
    also(o, r, v);
  }
}
