enable subgroups;
// dw[r,s,c,k] = Σ_{n,p,q} x[n, p·strideY + r·dilY − padTop, q + s − padLeft, c] · dy[n,p,q,k] for filters three wide
// The sum over pixels is cut into chunks; each writes its own dw, one after the other, and sum-partials joins them.
// One invocation makes the three taps of a filter row × 4 channels × KV·4 filters as 4×4 matrices. A turn is 4 pixels of
// dy, which the quad shares, and the six of x over which they slide. What a turn needs is loaded before its products:
// llvmpipe loads by calls, which keep no register. No barriers: for CPU adapters.
// Layouts: x NHWC · dy NPQK · dw RSCK, in vec4s. chunk = tiles of 4 pixels of a row, per chunk.
// Needs: C and K multiples of 4, S = 3, Q a multiple of 4, strideX = dilX = 1, one group; subgroups.
alias Elem4 = vec4<f32>;     // seam: storage type of x, dy
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const KV = 2u;               // seam: vec4s of filters per invocation, 1 … 4
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, reflect : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> dy : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dw : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The quad's four vec4s from the one that each invocation loads.
fn rows(v : F) -> M { return M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }
// The row or column of `size` that stands at i: beyond the edges that of the mirror image if reflect is 1, else none.
fn mirror(i : I, size : u32) -> I {
  let last = I(i32(size) - 1);
  return select(i, last - abs(last - abs(i)), params.reflect == 1u);
}
// A vec4 of dy, if there are so many.
fn more(d : u32, number : u32) -> F {
  if (KV <= number) { return F(); }
  return F(dy[d]);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let m = group.x * 8u + local;
  let k = group.z * KV;
  let last = kRow - 1u - k;                // filters past the end repeat the last and are not written
  let k1 = min(1u, last);
  let k2 = min(2u, last);
  let k3 = min(3u, last);
  let c = m % cRow;
  let r = m / cRow;
  let live = r < params.r;
  let tapY = i32(r * params.dilY) - params.padTop;
  let tiles = params.q / 4u;
  let end = min((group.y + 1u) * params.chunk, params.n * params.p * tiles);
  var at = group.y * params.chunk;
  var column = at % tiles;
  var p = at / tiles % params.p;
  var n = at / tiles / params.p;
  var a0 = M();                            // by filters, then taps
  var a1 = M();
  var a2 = M();
  var b0 = M();
  var b1 = M();
  var b2 = M();
  var c0 = M();
  var c1 = M();
  var c2 = M();
  var d0 = M();
  var d1 = M();
  var d2 = M();
  while (at < end) {
    let h = mirror(I(i32(p * params.strideY) + tapY), params.h).x;
    let row = (n * params.h + u32(h)) * params.w;
    let inside = B(live && u32(h) < params.h);
    let count = min(end - at, tiles - column);
    let stop = (column + count) * 4u;
    var q = column * 4u;
    var di = ((n * params.p + p) * params.q + q + (lane & 3u)) * kRow + k;
    for (; q < stop; q += 4u) {
      let left = I(i32(q) - params.padLeft);
      let i = mirror(left + I(0, 1, 2, 3), params.w);
      let j = mirror(left + I(4, 5, 5, 5), params.w);
      let iOk = inside & (U(i) < U(params.w));
      let jOk = inside & (U(j) < U(params.w));
      let iAt = select(U(), (row + U(i)) * cRow + c, iOk);
      let jAt = select(U(), (row + U(j)) * cRow + c, jOk);
      let v0 = select(F(), F(x[iAt.x]), iOk.x);
      let v1 = select(F(), F(x[iAt.y]), iOk.y);
      let v2 = select(F(), F(x[iAt.z]), iOk.z);
      let v3 = select(F(), F(x[iAt.w]), iOk.w);
      let v4 = select(F(), F(x[jAt.x]), jOk.x);
      let v5 = select(F(), F(x[jAt.y]), jOk.y);
      let y0 = F(dy[di]);
      let y1 = more(di + k1, 1u);
      let y2 = more(di + k2, 2u);
      let y3 = more(di + k3, 3u);
      let t0 = transpose(M(v0, v1, v2, v3));
      let t1 = transpose(M(v1, v2, v3, v4));
      let t2 = transpose(M(v2, v3, v4, v5));
      let r0 = rows(y0);
      a0 += r0 * t0;
      a1 += r0 * t1;
      a2 += r0 * t2;
      if (KV > 1u) {
        let r1 = rows(y1);
        b0 += r1 * t0;
        b1 += r1 * t1;
        b2 += r1 * t2;
      }
      if (KV > 2u) {
        let r2 = rows(y2);
        c0 += r2 * t0;
        c1 += r2 * t1;
        c2 += r2 * t2;
      }
      if (KV > 3u) {
        let r3 = rows(y3);
        d0 += r3 * t0;
        d1 += r3 * t1;
        d2 += r3 * t2;
      }
      di += 4u * kRow;
    }
    at += count;
    column = 0u;
    p += 1u;
    if (p == params.p) { p = 0u; n += 1u; }
  }
  if (!live) { return; }
  var out = array<M, 12>(a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2);
  // One loop of a length that no compiler knows: unrolled, its stores take seconds to compile.
  for (var o = 0u; o < 12u * (min(KV - 1u, last) + 1u); o += 1u) {
    let tap = o / 4u % 3u;
    let at = ((((group.y * params.r + r) * 3u + tap) * cRow + c) * 4u + o % 4u) * kRow + k + o / 12u;
    dw[at] = epilogue(out[o / 4u][o % 4u], at);
  }
}
