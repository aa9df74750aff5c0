enable subgroups;
// dw[r,s,c,k] = Σ_{n,p,q} x[n, p·strideY + r·dilY − padTop, q·strideX + s − padLeft, c] ·
// dy[n,p,q,k] for C that is no multiple of 4
// The sum over pixels is cut into chunks; each writes its own dw, one after the other, and sum-partials joins them.
// One invocation makes four neighbours of a filter row's run of s·c × KV·4 filters as 4×4 matrices, 4 pixels at a time;
// the quad shares each load of dy. flip: the taps are met in reverse, which
// with x and dy exchanged makes this the gradient of a head (K = 1).
// Layouts: x NHWC · dy NPQK · dw RSCK, dy and dw in vec4s. chunk = tiles of 4 pixels of a row, per chunk.
// Needs: K a multiple of 4, dilX = 1, one group, C = 1 if flip or REFLECT; subgroups.
alias Elem = f32;            // seam: storage type of x
alias Elem4 = vec4<f32>;     // seam: storage type of dy
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const KV = 2u;               // seam: vec4s of filters per invocation, 1 … 4
const SLIDES = false;        // seam: neighbouring pixels' runs are one element apart and overlap
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, flip : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
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
// x at four offsets of a row; zero where the offset leaves it.
fn load(row : u32, at : vec4<i32>, limit : u32) -> vec4<f32> {
  let place = U(mirror(at, params.w));
  let ok = B(REFLECT) | (place < U(limit));
  let j = select(U(), row + place, ok);
  return select(vec4<f32>(), vec4<f32>(f32(x[j.x]), f32(x[j.y]), f32(x[j.z]), f32(x[j.w])), ok);
}

// Elements e of four pixels' runs, a pixel a column: `at` is the first pixel's, `step` the way to the next.
fn window(row : u32, at : i32, step : i32, limit : u32, inRun : B) -> M {
  let a = load(row, at + I(0, 1, 2, 3), limit);
  var v : M;
  if (SLIDES) {
    let b = load(row, at + I(4, 5, 6, 6), limit);
    v = M(a, F(a.yzw, b.x), F(a.zw, b.xy), F(a.w, b.xyz));
  } else {
    v = M(a, load(row, at + step + I(0, 1, 2, 3), limit), load(row, at + 2 * step + I(0, 1, 2, 3), limit), load(row, at + 3 * step + I(0, 1, 2, 3), limit));
  }
  return M(select(F(), v[0], inRun), select(F(), v[1], inRun), select(F(), v[2], inRun), select(F(), v[3], inRun));
}
// A vec4 of dy, where there are so many.
fn more(d : u32, inside : bool, number : u32) -> F {
  if (KV <= number) { return F(); }
  return select(F(), F(dy[d]), inside);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let kRow = params.k / 4u;
  let k = group.z * KV;
  let last = kRow - 1u - k;                // filters past the end repeat the last and are not written
  let k1 = min(1u, last);
  let k2 = min(2u, last);
  let k3 = min(3u, last);
  let length = params.s * params.c;
  let blocks = (length + 3u) / 4u;
  let m = group.x * 8u + local;
  let r = m / blocks;
  let first = m % blocks * 4u;
  let live = r < params.r;
  let inRun = first + U(0u, 1u, 2u, 3u) < U(length);
  let tiles = (params.q + 3u) / 4u;
  let end = min((group.y + 1u) * params.chunk, params.n * params.p * tiles);
  var at = group.y * params.chunk;
  var column = at % tiles;
  var p = at / tiles % params.p;
  var n = at / tiles / params.p;
  let step = i32(params.strideX * params.c);
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  while (at < end) {
    let h = mirror(I(i32(p * params.strideY + r * params.dilY) - params.padTop), params.h).x;
    let row = (n * params.h + u32(h)) * params.w * params.c;
    let limit = select(0u, params.w * params.c, live && u32(h) < params.h);
    let count = min(end - at, tiles - column);
    var q = column * 4u;
    var xi = (i32(q * params.strideX) - params.padLeft) * i32(params.c) + i32(first);
    var di = ((n * params.p + p) * params.q + q + (lane & 3u)) * kRow + k;
    for (var i = 0u; i < count; i += 1u) {
      let inside = q + (lane & 3u) < params.q;
      let d = select(0u, di, inside);
      var v = window(row, xi, step, limit, inRun);
      if (q + 3u >= params.q) {            // pixels past the row's end
        v = M(v[0], select(F(), v[1], B(q + 1u < params.q)), select(F(), v[2], B(q + 2u < params.q)), select(F(), v[3], B(q + 3u < params.q)));
      }
      v = transpose(v);
      let d0 = more(d, inside, 0u);
      let d1 = more(d + k1, inside, 1u);
      let d2 = more(d + k2, inside, 2u);
      let d3 = more(d + k3, inside, 3u);
      a0 += rows(d0) * v;
      if (KV > 1u) { a1 += rows(d1) * v; }
      if (KV > 2u) { a2 += rows(d2) * v; }
      if (KV > 3u) { a3 += rows(d3) * v; }
      q += 4u;
      xi += 4 * step;
      di += 4u * kRow;
    }
    at += count;
    column = 0u;
    p += 1u;
    if (p == params.p) { p = 0u; n += 1u; }
  }
  if (!live) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  for (var kv = k; kv < min(k + KV, kRow); kv += 1u) {
    for (var j = first; j < min(first + 4u, length); j += 1u) {
      let tap = r * length + j;
      let i = (group.y * params.r * length + select(tap, params.r * length - 1u - tap, params.flip == 1u)) * kRow + kv;
      dw[i] = epilogue(out[kv - k][j - first], i);
    }
  }
}
