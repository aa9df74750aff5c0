enable subgroups;
// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q + s − padLeft, c] · w[r,s,c] for one output channel
// One invocation makes 8 pixels of a row. A turn is a filter row's taps of four channels: they slide over a window of x,
// loaded once, and the quad shares the weights. For llvmpipe, which loads by calls that keep no register.
// flip: the taps are met in reverse and w is [r,s,k,c] for any K, a channel for each z, which makes this the input gradient
// of a first layer.
// Layouts: x NHWC · w RSCK · y NPQK, x and w in vec4s. Needs: C a multiple of 4, S = TAPS, strideX = dilX = 1, one group,
// K = 1 or flip; subgroups.
alias Elem = f32;            // seam: storage type of y
alias Elem4 = vec4<f32>;     // seam: storage type of x, w
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
alias M = mat4x4<f32>;
const TAPS = 3u;             // seam: S, 1 … 7
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, flip : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : I, size : u32) -> I {
  if (!REFLECT) { return i; }
  let last = I(i32(size) - 1);
  return max(last - abs(last - abs(i)), I());
}
// x at a column of a row, that of the first tap for the first pixel and `ahead` more; zero where there is none.
fn load(row : u32, first : i32, ahead : u32, limit : u32) -> vec4<f32> {
  if (ahead > 6u + TAPS) { return vec4<f32>(); }
  let column = u32(mirror(first + i32(ahead), params.w));
  let ok = REFLECT || column < limit;
  return select(vec4<f32>(), vec4<f32>(x[select(0u, row + column * (params.c / 4u), ok)]), ok);
}
// Weights of the tap that this invocation loads for its quad; perhaps of none, where a row has fewer taps.
fn weights(tap : u32, k : u32, c : u32, first : u32) -> vec4<f32> {
  if (TAPS <= first) { return vec4<f32>(); }
  let last = params.r * TAPS - 1u;
  let at = min(tap, last);
  return vec4<f32>(w[(select(at, last - at, params.flip == 1u) * params.k + k) * (params.c / 4u) + c]);
}
// Four pixels times a tap's weights.
fn times(v0 : vec4<f32>, v1 : vec4<f32>, v2 : vec4<f32>, v3 : vec4<f32>, b : vec4<f32>) -> M { return M(v0 * b, v1 * b, v2 * b, v3 * b); }

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let tiles = (params.q + 7u) / 8u;
  let t = (group.x + group.y * groups.x) * 8u + local;
  let q = (t % tiles) * 8u;
  let n = t / tiles / params.p;
  let p = t / tiles % params.p;
  let live = n < params.n;
  let at = i32(q) - params.padLeft;
  let image = min(n, params.n - 1u);       // what is no image mirrors one, and is not written
  var a0 = M();                            // a pixel a column, summed over its rows at the end
  var a1 = M();
  for (var r = 0u; r < params.r; r += 1u) {
    let h = mirror(i32(p * params.strideY + r * params.dilY) - params.padTop, params.h);
    let limit = select(0u, params.w, live && u32(h) < params.h);
    for (var c = 0u; c < cRow; c += 1u) {
      let row = (image * params.h + u32(h)) * params.w * cRow + c;
      let v0 = load(row, at, 0u, limit);
      let v1 = load(row, at, 1u, limit);
      let v2 = load(row, at, 2u, limit);
      let v3 = load(row, at, 3u, limit);
      let v4 = load(row, at, 4u, limit);
      let v5 = load(row, at, 5u, limit);
      let v6 = load(row, at, 6u, limit);
      let v7 = load(row, at, 7u, limit);
      let v8 = load(row, at, 8u, limit);
      let v9 = load(row, at, 9u, limit);
      let v10 = load(row, at, 10u, limit);
      let v11 = load(row, at, 11u, limit);
      let v12 = load(row, at, 12u, limit);
      let v13 = load(row, at, 13u, limit);
      let tap = r * TAPS + (lane & 3u);
      let b = weights(tap, group.z, c, 0u);
      let d = weights(tap + 4u, group.z, c, 4u);
      if (TAPS > 0u) { a0 += times(v0, v1, v2, v3, quadBroadcast(b, 0u)); a1 += times(v4, v5, v6, v7, quadBroadcast(b, 0u)); }
      if (TAPS > 1u) { a0 += times(v1, v2, v3, v4, quadBroadcast(b, 1u)); a1 += times(v5, v6, v7, v8, quadBroadcast(b, 1u)); }
      if (TAPS > 2u) { a0 += times(v2, v3, v4, v5, quadBroadcast(b, 2u)); a1 += times(v6, v7, v8, v9, quadBroadcast(b, 2u)); }
      if (TAPS > 3u) { a0 += times(v3, v4, v5, v6, quadBroadcast(b, 3u)); a1 += times(v7, v8, v9, v10, quadBroadcast(b, 3u)); }
      if (TAPS > 4u) { a0 += times(v4, v5, v6, v7, quadBroadcast(d, 0u)); a1 += times(v8, v9, v10, v11, quadBroadcast(d, 0u)); }
      if (TAPS > 5u) { a0 += times(v5, v6, v7, v8, quadBroadcast(d, 1u)); a1 += times(v9, v10, v11, v12, quadBroadcast(d, 1u)); }
      if (TAPS > 6u) { a0 += times(v6, v7, v8, v9, quadBroadcast(d, 2u)); a1 += times(v10, v11, v12, v13, quadBroadcast(d, 2u)); }
    }
  }
  if (!live) { return; }
  let one = vec4<f32>(1.0);
  var out = array<vec4<f32>, 2>(one * a0, one * a1);
  for (var px = q; px < min(q + 8u, params.q); px += 1u) {
    let i = ((n * params.p + p) * params.q + px) * params.k + group.z;
    y[i] = Elem(epilogue(out[(px - q) / 4u][(px - q) % 4u], i));
  }
}
