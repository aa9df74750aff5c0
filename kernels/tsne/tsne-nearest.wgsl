// index[r,·] = the k columns of row r of d2 with the least values, rising, without column first + r: its own point.
// Of equal values at the limit the first columns are taken.
// One workgroup takes a row. Bits of floats ≥ 0 rise with their values, so the k-th least is found digit by digit: 11,
// 11 and 10 bits, by counts in workgroup memory. Whole counts come out the same however threads are scheduled. The
// last walk writes, in order, what lies below that value, and of those equal to it as many as are wanted.
// Layouts: d2 [rows, n], ≥ 0 · first [1] · index [rows, k]. Needs: k < n.
const THREADS = 64u;
const BINS = 2048u;
struct Params { rows : u32, n : u32, k : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> d2 : array<f32>;
@group(0) @binding(2) var<storage, read> first : array<u32>;
@group(0) @binding(3) var<storage, read_write> index : array<u32>;

var<workgroup> counts : array<atomic<u32>, BINS>;
var<workgroup> sums : array<vec2<u32>, THREADS>;
var<workgroup> found : vec2<u32>;        // the digits of the k-th least value so far, and how many of them are wanted

// A value that rounding made negative is 0; NaN is beyond all others. In bits: comparisons may take subnormals for 0.
fn bitsOf(v : f32) -> u32 {
  let bits = bitcast<u32>(v);
  let magnitude = bits & 0x7fffffffu;
  return select(magnitude, 0u, bits != magnitude && magnitude <= 0x7f800000u);
}

// Finds the digit at `shift` of the wanted value, among those whose higher digits are `high`.
fn digit(row : u32, own : u32, t : u32, high : u32, shift : u32, bins : u32, above : u32, wanted : u32) {
  for (var b = t; b < bins; b += THREADS) { atomicStore(&counts[b], 0u); }
  workgroupBarrier();
  for (var j = t; j < params.n; j += THREADS) {
    let bits = bitsOf(d2[row * params.n + j]);
    if (j != own && (above >= 32u || (bits >> (above & 31u)) == high)) { atomicAdd(&counts[(bits >> shift) & (bins - 1u)], 1u); }
  }
  workgroupBarrier();
  let share = bins / THREADS;
  var sum = 0u;
  for (var b = t * share; b < (t + 1u) * share; b += 1u) { sum += atomicLoad(&counts[b]); }
  sums[t].x = sum;
  workgroupBarrier();
  var before = 0u;
  for (var s = 0u; s < t; s += 1u) { before += sums[s].x; }
  if (before < wanted && before + sum >= wanted) {
    var b = t * share;
    var here = atomicLoad(&counts[b]);
    while (before + here < wanted) {
      before += here;
      b += 1u;
      here = atomicLoad(&counts[b]);
    }
    found = vec2<u32>(b, wanted - before);
  }
  workgroupBarrier();
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let own = first[0] + row;
  digit(row, own, t, 0u, 21u, 2048u, 32u, params.k);
  let top = workgroupUniformLoad(&found);
  digit(row, own, t, top.x, 10u, 2048u, 21u, top.y);
  let middle = workgroupUniformLoad(&found);
  let high = (top.x << 11u) | middle.x;
  digit(row, own, t, high, 0u, 1024u, 10u, middle.y);
  let low = workgroupUniformLoad(&found);
  let limit = (high << 10u) | low.x;
  // Each thread takes a run of columns, so that what it writes follows what the threads before it write.
  let span = (params.n + THREADS - 1u) / THREADS;
  let start = t * span;
  let stop = min(start + span, params.n);
  var mine = vec2<u32>();                // below the limit, and equal to it
  for (var j = start; j < stop; j += 1u) {
    let bits = bitsOf(d2[row * params.n + j]);
    if (j != own) { mine += vec2<u32>(u32(bits < limit), u32(bits == limit)); }
  }
  sums[t] = mine;
  workgroupBarrier();
  var below = 0u;
  var equal = 0u;
  for (var s = 0u; s < t; s += 1u) {
    below += sums[s].x;
    equal += sums[s].y;
  }
  var at = row * params.k + below + min(equal, low.y);
  for (var j = start; j < stop; j += 1u) {
    let bits = bitsOf(d2[row * params.n + j]);
    if (j == own || bits > limit) { continue; }
    if (bits == limit) {
      equal += 1u;
      if (equal > low.y) { continue; }
    }
    index[at] = j;
    at += 1u;
  }
}
