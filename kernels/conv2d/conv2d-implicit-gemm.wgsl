// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · w[r,s,c,k]
// A matrix product, pixels × (r,s,c) times (r,s,c) × channels, whose left matrix is never stored. A workgroup makes
// 64 pixels × 32·NB channels through workgroup memory, 16 of (r,s,c) at a time; an invocation 8 pixels × 4·NB channels.
// The sum over (r,s,c) may be cut into chunks, each with a y of its own, one after the other, that sum-partials joins.
// Layouts: x NHWC · w RSCK · y NPQK, in vec4s. chunk = 16s of (r,s,c) per chunk.
// Needs: C and K multiples of 4, one group.
alias Elem4 = vec4<f32>;     // seam: storage type of x, w, y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const NB = 2u;               // seam: vec4s of channels per invocation, 1 or 2
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
const TALLY = false;         // seam: whether `tally` is called
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }
// hook: mean and Σ(y − mean)² of the four channels c over a tile: 64 pixels of y, or what is left; called once for each
fn tally(tile : u32, c : u32, mean : F, spread : F) {}

var<workgroup> xs : array<F, 320>;         // [64 pixels][4 + 1 that avoids bank conflicts]
var<workgroup> ws : array<F, 128u * NB>;   // [16][8·NB]

// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : I, size : u32) -> I {
  if (!REFLECT) { return i; }
  let last = I(i32(size) - 1);
  return max(last - abs(last - abs(i)), I());
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let pixel0 = (group.x + group.y * groups.x) * 64u;
  let kTiles = (kRow + 8u * NB - 1u) / (8u * NB);
  let k0 = group.z % kTiles * 8u * NB;
  let part = group.z / kTiles;
  let tm = local / 8u;
  let tn = local % 8u;
  // Each invocation loads one vec4 of (r,s,c) of four pixels of the left tile: four invocations read neighbours.
  let sub = local % 4u;
  let pixels = params.n * params.p * params.q;
  let pixel = pixel0 + local / 4u + U(0u, 16u, 32u, 48u);
  let n = pixel / params.q / params.p;
  let h0 = I(pixel / params.q % params.p * params.strideY) - params.padTop;
  let w0 = I(pixel % params.q * params.strideX) - params.padLeft;
  let live = pixel < U(pixels);
  let length = params.r * params.s * cRow;
  let begin = part * params.chunk * 4u;
  let end = min(begin + params.chunk * 4u, length);
  var r = (begin + sub) / cRow / params.s;
  var s = (begin + sub) / cRow % params.s;
  var c = (begin + sub) % cRow;
  var a00 = M();                           // columns: pixels tm + 8·j; rows: channels of vec4 tn
  var a01 = M();                           // pixels tm + 32 + 8·j
  var a10 = M();                           // channels of vec4 tn + 8
  var a11 = M();
  for (var step = begin; step < end; step += 4u) {
    let h = mirror(h0 + i32(r * params.dilY), params.h);
    let v = mirror(w0 + i32(s * params.dilX), params.w);
    let ok = live & (U(h) < U(params.h)) & (U(v) < U(params.w)) & B(r < params.r);
    let at = select(U(), ((n * params.h + U(h)) * params.w + U(v)) * cRow + c, ok);
    let to = local / 4u * 5u + sub;
    xs[to] = select(F(), F(x[at.x]), ok.x);
    xs[to + 80u] = select(F(), F(x[at.y]), ok.y);
    xs[to + 160u] = select(F(), F(x[at.z]), ok.z);
    xs[to + 240u] = select(F(), F(x[at.w]), ok.w);
    c += 4u;
    while (c >= cRow) {
      c -= cRow;
      s += 1u;
      if (s == params.s) { s = 0u; r += 1u; }
    }
    for (var i = local; i < 128u * NB; i += 64u) {
      let row = step * 4u + i / (8u * NB);
      let k = k0 + i % (8u * NB);
      let ok = row < length * 4u && k < kRow;
      ws[i] = select(F(), F(w[select(0u, row * kRow + k, ok)]), ok);
    }
    workgroupBarrier();
    for (var i = 0u; i < 4u; i += 1u) {
      let v0 = M(xs[tm * 5u + i], xs[(tm + 8u) * 5u + i], xs[(tm + 16u) * 5u + i], xs[(tm + 24u) * 5u + i]);
      let v1 = M(xs[(tm + 32u) * 5u + i], xs[(tm + 40u) * 5u + i], xs[(tm + 48u) * 5u + i], xs[(tm + 56u) * 5u + i]);
      let b = i * 32u * NB + tn;
      let b0 = M(ws[b], ws[b + 8u * NB], ws[b + 16u * NB], ws[b + 24u * NB]);
      a00 += b0 * v0;
      a01 += b0 * v1;
      if (NB > 1u) {
        let b1 = M(ws[b + 8u], ws[b + 8u + 8u * NB], ws[b + 8u + 16u * NB], ws[b + 8u + 24u * NB]);
        a10 += b1 * v0;
        a11 += b1 * v1;
      }
    }
    workgroupBarrier();
  }
  var out = array<M, 4>(a00, a01, a10, a11);
  for (var b = 0u; b < NB; b += 1u) {
    for (var j = 0u; j < 8u; j += 1u) {
      let m = pixel0 + tm + j * 8u;
      let k = k0 + tn + b * 8u;
      if (m < pixels && k < kRow) {
        let i = (part * pixels + m) * kRow + k;
        let v = Elem4(epilogue(out[b * 2u + j / 4u][j % 4u], i));
        y[i] = v;
        if (TALLY) { out[b * 2u + j / 4u][j % 4u] = F(v); }
      }
    }
  }
  if (!TALLY) { return; }
  // Each invocation's pixels, then those of the eight that have its channels, joined in order
  // by Chan, Golub & LeVeque (1983).
  let left = min(64u, pixels - min(pixels, pixel0));
  let own = (left + 7u - min(tm, left)) / 8u;
  for (var b = 0u; b < NB; b += 1u) {
    let v0 = out[b * 2u][0];
    var sum = F();
    var spread = F();
    for (var j = 1u; j < 8u; j += 1u) { sum += select(F(), out[b * 2u + j / 4u][j % 4u] - v0, j < own); }
    let mean = v0 + sum / f32(max(own, 1u));
    for (var j = 0u; j < 8u; j += 1u) {
      let d = select(F(), out[b * 2u + j / 4u][j % 4u] - mean, j < own);
      spread += d * d;
    }
    xs[(b * 2u) * 64u + local] = mean;
    xs[(b * 2u + 1u) * 64u + local] = spread;
  }
  workgroupBarrier();
  for (var b = tm; b < NB; b += 8u) {
    var n = f32((left + 7u) / 8u);
    var mean = xs[(b * 2u) * 64u + tn];
    var spread = xs[(b * 2u + 1u) * 64u + tn];
    for (var i = 1u; i < min(8u, left); i += 1u) {
      let m = f32((left + 7u - i) / 8u);
      let d = xs[(b * 2u) * 64u + i * 8u + tn] - mean;
      let share = m / (n + m);
      mean += d * share;
      spread += xs[(b * 2u + 1u) * 64u + i * 8u + tn] + d * d * n * share;
      n += m;
    }
    if (left > 0u && k0 + tn + b * 8u < kRow) { tally(pixel0 / 64u, k0 + tn + b * 8u, mean, spread); }
  }
}
