enable subgroups;
// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q·strideX + s − padLeft, c] ·
// w[r,s,c,k] for C that is no multiple of 4
// One invocation makes 4 pixels of a row × KV·4 channels as 4×4 matrices over four neighbours of a filter row's run of
// s·c; the quad shares each row of weights. flip: the taps are met in reverse,
// which makes this the input gradient of a head (K = 1).
// Layouts: x NHWC · w RSCK · y NPQK, w and y in vec4s.
// Needs: K a multiple of 4, dilX = 1, one group, C = 1 if flip or REFLECT; subgroups.
alias Elem = f32;            // seam: storage type of x
alias Elem4 = vec4<f32>;     // seam: storage type of w, y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const WG = 16u;              // seam: invocations of a workgroup, 16 or 64
const KV = 2u;               // seam: vec4s of output channels per invocation, 1 … 4
const SLIDES = false;        // seam: neighbouring pixels' runs are one element apart and overlap
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, flip : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
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
  let ok = place < U(limit);
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
// Weights of one vec4 of channels, where there are so many.
fn weights(at : u32, inRun : bool, number : u32) -> F {
  if (KV <= number) { return F(); }
  return select(F(), F(w[at]), inRun);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let kRow = params.k / 4u;
  let k = group.z * KV;
  let last = kRow - 1u - k;                // channels past the end repeat the last and are not written
  let k1 = min(1u, last);
  let k2 = min(2u, last);
  let k3 = min(3u, last);
  let tiles = (params.q + 3u) / 4u;
  let t = (group.x + group.y * groups.x) * WG + local;
  let q = (t % tiles) * 4u;
  let n = t / tiles / params.p;
  let p = t / tiles % params.p;
  let live = n < params.n;
  let length = params.s * params.c;
  let step = i32(params.strideX * params.c);
  let at = (i32(q * params.strideX) - params.padLeft) * i32(params.c);
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  for (var r = 0u; r < params.r; r += 1u) {
    let h = mirror(I(i32(p * params.strideY + r * params.dilY) - params.padTop), params.h).x;
    let row = (n * params.h + u32(h)) * params.w * params.c;
    let limit = select(0u, params.w * params.c, live && u32(h) < params.h);
    for (var i = 0u; i < length; i += 4u) {
      let v = window(row, at + i32(i), step, limit, i + U(0u, 1u, 2u, 3u) < U(length));
      let mine = i + (lane & 3u);
      let inRun = mine < length;
      let tap = select(0u, r * length + mine, inRun);
      let wi = select(tap, params.r * length - 1u - tap, params.flip == 1u) * kRow + k;
      let w0 = weights(wi, inRun, 0u);
      let w1 = weights(wi + k1, inRun, 1u);
      let w2 = weights(wi + k2, inRun, 2u);
      let w3 = weights(wi + k3, inRun, 3u);
      a0 += rows(w0) * v;
      if (KV > 1u) { a1 += rows(w1) * v; }
      if (KV > 2u) { a2 += rows(w2) * v; }
      if (KV > 3u) { a3 += rows(w3) * v; }
    }
  }
  if (!live) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  for (var kv = k; kv < min(k + KV, kRow); kv += 1u) {
    for (var px = q; px < min(q + 4u, params.q); px += 1u) {
      let i = ((n * params.p + p) * params.q + px) * kRow + kv;
      y[i] = Elem4(epilogue(out[kv - k][px - q], i));
    }
  }
}
