// Joins partial means and spreads (Σ(x − mean)²) of `splits` parts into mean and variance, pairwise by
// Chan, Golub & LeVeque (1983). One thread an output;
// part s of output o stands at o·strideO + s·strideS, its spread `plane` behind.
// Parts hold `chunk` elements (the last what is left) where CHUNKED, else every splits-th of `count`.
const CHUNKED = true;        // seam
struct Params { outs : u32, splits : u32, count : u32, chunk : u32, plane : u32, strideO : u32, strideS : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> part : array<f32>;
@group(0) @binding(2) var<storage, read_write> mean : array<f32>;
@group(0) @binding(3) var<storage, read_write> variance : array<f32>;

fn elements(s : u32) -> f32 {
  if (CHUNKED) { return f32(min(params.chunk, params.count - s * params.chunk)); }
  return f32((params.count - s + params.splits - 1u) / params.splits);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let o = gid.x + gid.y * groups.x * 64u;
  if (o >= params.outs) { return; }
  var at = o * params.strideO;
  var m = part[at];
  var m2 = part[params.plane + at];
  var n = elements(0u);
  for (var s = 1u; s < params.splits; s += 1u) {
    at += params.strideS;
    let k = elements(s);
    let d = part[at] - m;
    let w = k / (n + k);
    m += d * w;
    m2 += part[params.plane + at] + d * d * n * w;
    n += k;
  }
  mean[o] = m;
  variance[o] = m2 / n;
}
