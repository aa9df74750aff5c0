// y[b,f,r] = Σ_t x[b,r,t]·exp(∓2πi·f·t/SIDE) for f below `keep`: the transform of each row, laid down as a column, so
// that two passes transform a square and leave it as it lay. t goes up to `live`; beyond, x counts as 0.
// One workgroup takes a row in workgroup memory: decimation in time, in place, two stages of radix 2 between barriers.
// No scaling.
// Layouts: x [batch, rows, live], matrices `apart` elements from each other (0: the same for all) · twiddles
// [SIDE/2]: exp(−2πi·k/SIDE) · y [batch, keep, rows], complex. Needs: SIDE a power of two, at most 2048.
alias In = vec2<f32>;        // seam: what x holds
const SIDE = 1024u;          // seam: points of a transform, 64, 128, 256, 512, 1024 or 2048
const INVERSE = false;       // seam
const THREADS = 64u;
struct Params { rows : u32, live : u32, keep : u32, apart : u32, scale : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<In>;
@group(0) @binding(2) var<storage, read> twiddles : array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> y : array<vec2<f32>>;
// hook: the complex number that element v makes, which is the i-th of [batch, rows, live]
fn load(v : In, i : u32) -> vec2<f32> { return v; }

var<workgroup> a : array<vec2<f32>, SIDE>;

fn factor(k : u32) -> vec2<f32> {
  let w = twiddles[k];
  return vec2<f32>(w.x, select(w.y, -w.y, INVERSE));
}
fn times(p : vec2<f32>, q : vec2<f32>) -> vec2<f32> { return vec2<f32>(p.x * q.x - p.y * q.y, p.x * q.y + p.y * q.x); }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let shift = countLeadingZeros(SIDE) + 1u;      // 32 − log2 SIDE
  for (var s = t; s < SIDE; s += THREADS) {
    let at = reverseBits(s) >> shift;
    var v = vec2<f32>();
    if (at < params.live) {
      let i = row * params.live + at;
      v = load(x[group.z * params.apart + i], group.z * params.rows * params.live + i);
    }
    a[s] = v;
  }
  workgroupBarrier();
  // Where the number of stages is odd, the first one goes by itself: it has no factors.
  var half = 1u;
  if (countTrailingZeros(SIDE) % 2u == 1u) {
    for (var s = t; s < SIDE / 2u; s += THREADS) {
      let p = a[2u * s];
      let q = a[2u * s + 1u];
      a[2u * s] = p + q;
      a[2u * s + 1u] = p - q;
    }
    half = 2u;
    workgroupBarrier();
  }
  for (; half < SIDE; half *= 4u) {
    for (var s = t; s < SIDE / 4u; s += THREADS) {
      let k = s & (half - 1u);
      let i = 4u * s - 3u * k;
      let inner = factor(k * (SIDE / (2u * half)));
      let outer = factor(k * (SIDE / (4u * half)));
      let p = a[i];
      let q = times(a[i + half], inner);
      let r = a[i + 2u * half];
      let u = times(a[i + 3u * half], inner);
      let even = times(r + u, outer);
      // The factor a quarter of a turn on, ∓i.
      let odd = times(r - u, select(vec2<f32>(outer.y, -outer.x), vec2<f32>(-outer.y, outer.x), INVERSE));
      a[i] = p + q + even;
      a[i + half] = p - q + odd;
      a[i + 2u * half] = p + q - even;
      a[i + 3u * half] = p - q - odd;
    }
    workgroupBarrier();
  }
  for (var f = t; f < params.keep; f += THREADS) { y[(group.z * params.keep + f) * params.rows + row] = a[f]; }
}
