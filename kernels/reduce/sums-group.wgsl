// Σ value(o, r) and Σ other(o, r) over chunk s of r, at s·outs + o: the parts that merge-then-map and sums-columns
// join. A workgroup takes one chunk of `wide` neighbouring columns, lane l of a column elements l, l + lanes, …; lanes
// are joined in pairs. For GPUs: few parts from many threads.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
const THREADS = 256u;        // seam: a power of two
struct Params { outs : u32, count : u32, wide : u32, chunk : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> first : array<F>;
@group(0) @binding(2) var<storage, read_write> second : array<F>;
// hook: what `value` and `other` need of column o, kept in private variables
fn before(o : u32) {}
// hook: the r-th element of column o
fn value(o : u32, r : u32) -> F { return F(); }
// hook: and that of the second sum
fn other(o : u32, r : u32) -> F { return F(); }

var<workgroup> partA : array<F, THREADS>;
var<workgroup> partB : array<F, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let wide = params.wide;
  let tiles = (params.outs + wide - 1u) / wide;
  let g = group.x + group.y * groups.x;
  let o = g % tiles * wide + t % wide;
  let part = g / tiles;
  let begin = part * params.chunk;
  let lane = t / wide;
  let lanes = THREADS / wide;
  var a = F();
  var b = F();
  if (o < params.outs) {
    before(o);
    for (var r = begin + lane; r < min(begin + params.chunk, params.count); r += lanes) {
      a += value(o, r);
      b += other(o, r);
    }
  }
  partA[t] = a;
  partB[t] = b;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partA[t] += partA[t + half * wide];
      partB[t] += partB[t + half * wide];
    }
  }
  if (lane == 0u && o < params.outs && part < params.splits) {
    first[part * params.outs + o] = partA[t];
    second[part * params.outs + o] = partB[t];
  }
}
