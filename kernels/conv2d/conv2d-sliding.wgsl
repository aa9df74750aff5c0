enable subgroups;
// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q + s − padLeft, c] · w[r,s,c,k] for filters three wide
// One invocation makes 4 pixels of a row × KV·4 channels as 4×4 matrices. A turn is a filter row's three taps of four
// channels: they slide over six pixels of x, loaded once, and the quad shares each row of weights. What a turn needs is
// loaded before its products: llvmpipe loads by calls, which keep no register. No barriers: for CPU adapters.
// TURNED: w is [r,s,k,c] and its taps are met in reverse, which makes this the input gradient, with dy as x.
// Layouts: x NHWC · w RSCK · y NPQK, in vec4s.
// Needs: C and K multiples of 4, S = 3, Q a multiple of 4, strideX = dilX = 1, one group; subgroups.
alias Elem4 = vec4<f32>;     // seam: storage type of x, w, y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const KV = 2u;               // seam: vec4s of output channels per invocation, 1 … 4
const TURNED = false;        // seam: the input gradient's order of w
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, reflect : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The quad's four rows of weights from the one that each invocation loads, as they multiply a column of x.
fn rows(v : F) -> M { return ordered(M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u))); }
fn ordered(m : M) -> M {
  if (TURNED) { return transpose(m); }
  return m;
}
// What an invocation loads of a row's three taps, for a vec4 of channels if there are so many.
fn taps(at : u32, tap : u32, number : u32) -> mat3x4<f32> {
  if (KV <= number) { return mat3x4<f32>(); }
  let v = mat3x4<f32>(F(w[at]), F(w[at + tap]), F(w[at + 2u * tap]));
  if (TURNED) { return mat3x4<f32>(v[2], v[1], v[0]); }
  return v;
}
// The row or column of `size` that stands at i: beyond the edges that of the mirror image if reflect is 1, else none.
fn mirror(i : I, size : u32) -> I {
  let last = I(i32(size) - 1);
  return select(i, last - abs(last - abs(i)), params.reflect == 1u);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let k = group.z * KV;
  let last = kRow - 1u - k;                // channels past the end repeat the last and are not written
  let tap = 4u * cRow * kRow;              // from a tap's weights to the next one's
  let stepK = select(1u, 4u * cRow, TURNED);
  let stepC = select(4u * kRow, 1u, TURNED);
  let k1 = min(1u, last) * stepK;
  let k2 = min(2u, last) * stepK;
  let k3 = min(3u, last) * stepK;
  let tiles = params.q / 4u;
  let tile = (group.x + group.y * groups.x) * 16u + local;
  let n = min(tile / tiles / params.p, params.n - 1u);       // what is no image mirrors one, and is not written
  let p = tile / tiles % params.p;
  let q = tile % tiles * 4u;
  let pixels = params.n * params.p * params.q;
  let left = I(i32(q) - params.padLeft);
  let a = mirror(left + I(0, 1, 2, 3), params.w);
  let b = mirror(left + I(4, 5, 5, 5), params.w);
  let aInside = U(a) < U(params.w);
  let bInside = U(b) < U(params.w);
  let own = (lane & 3u) * select(kRow, cRow, TURNED) + k * stepK;
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  for (var r = 0u; r < params.r; r += 1u) {
    let h = mirror(I(i32(p * params.strideY + r * params.dilY) - params.padTop), params.h).x;
    let inside = B(u32(h) < params.h);
    let start = (n * params.h + u32(h)) * params.w;
    let aOk = aInside & inside;
    let bOk = bInside & inside;
    var aAt = select(U(), (start + U(a)) * cRow, aOk);
    var bAt = select(U(), (start + U(b)) * cRow, bOk);
    var wi = select(r, params.r - 1u - r, TURNED) * 3u * tap + own;
    for (var i = 0u; i < cRow; i += 1u) {
      let v0 = select(F(), F(x[aAt.x]), aOk.x);
      let v1 = select(F(), F(x[aAt.y]), aOk.y);
      let v2 = select(F(), F(x[aAt.z]), aOk.z);
      let v3 = select(F(), F(x[aAt.w]), aOk.w);
      let v4 = select(F(), F(x[bAt.x]), bOk.x);
      let v5 = select(F(), F(x[bAt.y]), bOk.y);
      let c0 = M(v0, v1, v2, v3);
      let c1 = M(v1, v2, v3, v4);
      let c2 = M(v2, v3, v4, v5);
      let w0 = taps(wi, tap, 0u);
      let w1 = taps(wi + k1, tap, 1u);
      let w2 = taps(wi + k2, tap, 2u);
      let w3 = taps(wi + k3, tap, 3u);
      a0 += rows(w0[0]) * c0 + rows(w0[1]) * c1 + rows(w0[2]) * c2;
      if (KV > 1u) { a1 += rows(w1[0]) * c0 + rows(w1[1]) * c1 + rows(w1[2]) * c2; }
      if (KV > 2u) { a2 += rows(w2[0]) * c0 + rows(w2[1]) * c1 + rows(w2[2]) * c2; }
      if (KV > 3u) { a3 += rows(w3[0]) * c0 + rows(w3[1]) * c1 + rows(w3[2]) * c2; }
      aAt += U(1u);
      bAt += U(1u);
      wi += stepC;
    }
  }
  let pixel = tile * 4u;
  if (pixel >= pixels) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  for (var kv = k; kv <= k + min(last, KV - 1u); kv += 1u) {
    for (var px = pixel; px < min(pixel + 4u, pixels); px += 1u) {
      let i = px * kRow + kv;
      y[i] = Elem4(epilogue(out[kv - k][px - pixel], i));
    }
  }
}
