// p[r,j] = exp(−β·d2[r,j]) / Σ_j, with the β of each row at which the entropy −Σ p·ln p is `entropy`, the logarithm of
// the perplexity (van der Maaten & Hinton 2008, 2). Found by bisection, at most 64 halvings or doublings.
// One thread takes one row. Where more neighbours are equally near than the perplexity, β grows and p is even among
// these. Layouts: d2, p [rows, k].
struct Params { rows : u32, k : u32, entropy : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> d2 : array<f32>;
@group(0) @binding(2) var<storage, read_write> p : array<f32>;

const STEPS = 64u;
const TOLERANCE = 1e-5;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let row = gid.x + gid.y * groups.x * 64u;
  if (row >= params.rows) { return; }
  let start = row * params.k;
  let stop = start + params.k;
  // Distances beyond the least one alone matter, in units of their mean.
  var least = d2[start];
  for (var j = start; j < stop; j += 1u) { least = min(least, d2[j]); }
  var mean = 0.0;
  for (var j = start; j < stop; j += 1u) { mean += d2[j] - least; }
  mean /= f32(params.k);
  let unit = select(1.0 / mean, 0.0, mean <= 0.0);
  var beta = 1.0;
  var low = 0.0;
  var high = 0.0;                          // 0: none yet
  var total = 0.0;
  for (var step = 0u; step < STEPS; step += 1u) {
    var sum = 0.0;
    var weighted = 0.0;
    for (var j = start; j < stop; j += 1u) {
      let d = (d2[j] - least) * unit;
      let e = exp(-beta * d);
      sum += e;
      weighted += e * d;
    }
    total = sum;
    let entropy = log(sum) + beta * weighted / sum;
    if (abs(entropy - params.entropy) < TOLERANCE || step == STEPS - 1u) { break; }
    if (entropy > params.entropy) {
      low = beta;
      beta = select(0.5 * (low + high), 2.0 * beta, high == 0.0);
    } else {
      high = beta;
      beta = 0.5 * (low + high);
    }
  }
  for (var j = start; j < stop; j += 1u) { p[j] = exp(-beta * ((d2[j] - least) * unit)) / total; }
}
