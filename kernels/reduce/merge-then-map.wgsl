// y[at(o, r)] = after(o, r, a, b), with the statistics a, b of column o joined from those of its `splits` parts: mean
// and variance, joined by Chan, Golub & LeVeque (1983), or two sums. A workgroup makes `rows` elements of each of
// `wide` neighbouring columns o; it joins the parts of these for itself, lane l of a column parts l, l + lanes, …, then
// lanes in pairs, all in a fixed order. The first workgroup of a column stores its statistics. Part s holds `chunk`
// elements, the last what is left; its a stands at s·outs + o, its b `plane` behind.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Y = f32;               // seam: what is stored of `after`
const THREADS = 64u;         // seam: a power of two
const MOMENTS = true;        // seam: parts are means and Σ(x − mean)², not sums
struct Params { outs : u32, count : u32, wide : u32, rows : u32, splits : u32, chunk : u32, plane : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> part : array<F>;
@group(0) @binding(2) var<storage, read_write> first : array<F>;
@group(0) @binding(3) var<storage, read_write> second : array<F>;
@group(0) @binding(4) var<storage, read_write> y : array<Y>;
// hook: what `after` needs of column o, kept in private variables
fn between(o : u32, a : F, b : F) {}
// hook: what is made of the r-th element of column o, given the column's statistics
fn after(o : u32, r : u32, a : F, b : F) -> Y { return Y(a + b); }
// hook: where that is stored, in units of F
fn at(o : u32, r : u32) -> u32 { return r * params.outs + o; }
// hook: where else
fn also(o : u32, r : u32, v : Y) {}

struct Part { n : f32, a : F, b : F }
var<workgroup> parts : array<Part, THREADS>;

fn load(s : u32, o : u32) -> Part {
  let i = s * params.outs + o;
  return Part(f32(min(params.chunk, params.count - s * params.chunk)), part[i], part[params.plane + i]);
}

fn joined(p : Part, q : Part) -> Part {
  let n = p.n + q.n;
  if (!MOMENTS) { return Part(n, p.a + q.a, p.b + q.b); }
  let d = q.a - p.a;
  let w = q.n / n;
  return Part(n, p.a + d * w, p.b + q.b + d * d * p.n * w);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let wide = params.wide;
  let tiles = (params.outs + wide - 1u) / wide;
  let g = group.x + group.y * groups.x;
  let o = g % tiles * wide + t % wide;
  let begin = g / tiles * params.rows;
  let lane = t / wide;
  let lanes = THREADS / wide;
  let live = o < params.outs;
  if (live && lane < params.splits) {
    var p = load(lane, o);
    for (var s = lane + lanes; s < params.splits; s += lanes) { p = joined(p, load(s, o)); }
    parts[t] = p;
  }
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (live && lane < half && lane + half < params.splits) { parts[t] = joined(parts[t], parts[t + half * wide]); }
  }
  workgroupBarrier();
  if (!live) { return; }
  let all = parts[t % wide];
  let a = all.a;
  let b = all.b / select(1.0, all.n, MOMENTS);
  if (begin == 0u && lane == 0u) {
    first[o] = a;
    second[o] = b;
  }
  between(o, a, b);
  for (var r = begin + lane; r < min(begin + params.rows, params.count); r += lanes) {
    let v = after(o, r, a, b);
    y[at(o, r)] = v;
    also(o, r, v);
  }
}
