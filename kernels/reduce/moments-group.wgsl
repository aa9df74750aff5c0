// Mean and Σ(x − mean)² of value(o, r) over chunk s of r, at s·outs + o: the parts that merge-then-map and
// moments-merge join. A workgroup takes one chunk of `wide` neighbouring columns, lane l of a column elements l, l +
// lanes, …. A lane sums x − x₀, x₀ its first element; lanes are joined in pairs by Chan, Golub & LeVeque (1983).
// For GPUs: few parts from many threads. Needs: no chunk is empty.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
const THREADS = 256u;        // seam: a power of two
struct Params { outs : u32, count : u32, wide : u32, chunk : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> first : array<F>;
@group(0) @binding(2) var<storage, read_write> second : array<F>;
// hook: what `value` needs of column o, kept in private variables
fn before(o : u32) {}
// hook: the r-th element of column o
fn value(o : u32, r : u32) -> F { return F(); }

struct Part { n : f32, mean : F, spread : F }
var<workgroup> parts : array<Part, THREADS>;

fn joined(p : Part, q : Part) -> Part {
  let n = p.n + q.n;
  let d = q.mean - p.mean;
  let w = q.n / n;
  return Part(n, p.mean + d * w, p.spread + q.spread + d * d * p.n * w);
}

// A sum of squares that rounding made negative is zero; max would drop NaN, which must stay.
fn kept(v : F) -> F { return select(max(v, F()), v, (bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u)); }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let wide = params.wide;
  let tiles = (params.outs + wide - 1u) / wide;
  let g = group.x + group.y * groups.x;
  let o = g % tiles * wide + t % wide;
  let part = g / tiles;
  let begin = part * params.chunk;
  let length = min(begin + params.chunk, params.count) - min(begin, params.count);
  let lane = t / wide;
  let lanes = THREADS / wide;
  let live = o < params.outs;
  if (live && lane < length) {
    before(o);
    let x0 = value(o, begin + lane);
    var s = F();
    var q = F();
    for (var r = lane + lanes; r < length; r += lanes) {
      let d = value(o, begin + r) - x0;
      s += d;
      q += d * d;
    }
    let n = f32((length - lane + lanes - 1u) / lanes);
    parts[t] = Part(n, x0 + s / n, kept(q - s * (s / n)));
  }
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (live && lane < half && lane + half < length) { parts[t] = joined(parts[t], parts[t + half * wide]); }
  }
  if (live && lane == 0u && length > 0u) {
    first[part * params.outs + o] = parts[t].mean;
    second[part * params.outs + o] = parts[t].spread;
  }
}
