enable subgroups;
// dw[r,s,c,k] = Σ_{n,p,q} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · dy[n,p,q,k]
// The sum over pixels is cut into chunks; each writes its own dw, one after the other, and sum-partials joins them.
// One invocation makes one tap × 4 channels × KV·4 filters as 4×4 matrices, 4 pixels at a time; the quad shares
// each load of dy. What a turn needs is loaded before its products: llvmpipe loads by calls, which keep no register.
// For CPU adapters, where a load costs most.
// Layouts: x NHWC · dy NPQK · dw RSCK, in vec4s. chunk = tiles of 4 pixels of a row, per chunk.
// Needs: C and K multiples of 4 within each group; subgroups.
alias Elem4 = vec4<f32>;     // seam: storage type of x, dy
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const KV = 2u;               // seam: vec4s of filters per invocation, 1 … 4
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> dy : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dw : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The quad's four vec4s from the one that each invocation loads.
fn rows(v : F) -> M { return M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }
// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : I, size : u32) -> I {
  if (!REFLECT) { return i; }
  let last = I(i32(size) - 1);
  return max(last - abs(last - abs(i)), I());
}
// A vec4 of dy, of those beyond the first.
fn more(d : u32, inside : bool, number : u32) -> F {
  if (KV <= number) { return F(); }
  return select(F(), F(dy[d]), inside);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let cs = cRow / params.groups;
  let ks = kRow / params.groups;
  let kTiles = (ks + KV - 1u) / KV;
  let tile = group.z;
  let part = group.y;
  let m = group.x * 8u + local;
  let g = tile / kTiles;
  let k = g * ks + (tile % kTiles) * KV;
  let last = (g + 1u) * ks - 1u - k;       // filters past the group's end repeat its last and are not written
  let k1 = min(1u, last);
  let k2 = min(2u, last);
  let k3 = min(3u, last);
  let c = m % cs;
  let tapX = i32(m / cs % params.s * params.dilX) - params.padLeft;
  let tapY = i32(m / cs / params.s * params.dilY) - params.padTop;
  let live = m < params.r * params.s * cs;
  let tiles = (params.q + 3u) / 4u;
  let end = min((part + 1u) * params.chunk, params.n * params.p * tiles);
  var at = part * params.chunk;
  var column = at % tiles;
  var p = at / tiles % params.p;
  var n = at / tiles / params.p;
  let step = I(0, 1, 2, 3) * i32(params.strideX);
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  while (at < end) {
    let h = mirror(I(i32(p * params.strideY) + tapY), params.h).x;
    let row = (n * params.h + u32(h)) * params.w * cRow;
    let limit = U(select(0u, params.w * cRow, live && u32(h) < params.h));
    let count = min(end - at, tiles - column);
    let stop = min(params.q, (column + count) * 4u);
    var q = column * 4u;
    var columns = I(i32(q * params.strideX) + tapX) + step;
    var xi = columns * i32(cRow) + i32(g * cs + c);
    var di = ((n * params.p + p) * params.q + q + (lane & 3u)) * kRow + k;
    for (; q < stop; q += 4u) {
      let inside = q + (lane & 3u) < stop;
      let d = select(0u, di, inside);
      let place = select(xi, mirror(columns, params.w) * i32(cRow) + i32(g * cs + c), REFLECT);
      let ok = (B(REFLECT) | (U(place) < limit)) & (U(q, q + 1u, q + 2u, q + 3u) < U(stop));
      let j = select(U(), row + U(place), ok);
      let v = transpose(M(select(F(), F(x[j.x]), ok.x), select(F(), F(x[j.y]), ok.y), select(F(), F(x[j.z]), ok.z), select(F(), F(x[j.w]), ok.w)));
      let d0 = select(F(), F(dy[d]), inside);
      let d1 = more(d + k1, inside, 1u);
      let d2 = more(d + k2, inside, 2u);
      let d3 = more(d + k3, inside, 3u);
      a0 += rows(d0) * v;
      if (KV > 1u) { a1 += rows(d1) * v; }
      if (KV > 2u) { a2 += rows(d2) * v; }
      if (KV > 3u) { a3 += rows(d3) * v; }
      columns += I(4 * i32(params.strideX));
      xi += I(4 * i32(params.strideX * cRow));
      di += 4u * kRow;
    }
    at += count;
    column = 0u;
    p += 1u;
    if (p == params.p) { p = 0u; n += 1u; }
  }
  if (!live) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  let row = (part * params.r * params.s * cs + m) * 4u;
  for (var kv = k; kv <= k + min(last, KV - 1u); kv += 1u) {
    for (var j = row; j < row + 4u; j += 1u) {
      let i = j * kRow + kv;
      dw[i] = epilogue(out[kv - k][j - row], i);
    }
  }
}
