enable subgroups;
// y[n,p,q] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q + s − padLeft, c] · w[r,s,c] for one output channel
// One invocation makes 8 pixels of a row; their window slides over the taps, so that a pixel of x is loaded once for
// all of them. The quad shares each weight. flip: the taps are met in reverse,
// which makes this the input gradient of a first layer (C = 1).
// Layouts: x NHWC in vec4s · w RSC · y NPQ. Needs: C a multiple of 4, strideX = dilX = 1, one group; subgroups.
alias Elem = f32;            // seam: storage type of w, y
alias Elem4 = vec4<f32>;     // seam: storage type of x
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const WG = 8u;               // seam: invocations of a workgroup, 8 or 64
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, flip : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The quad's four weights from the one that each invocation loads.
fn quad(v : f32) -> vec4<f32> { return vec4<f32>(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }

// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : I, size : u32) -> I {
  if (!REFLECT) { return i; }
  let last = I(i32(size) - 1);
  return max(last - abs(last - abs(i)), I());
}
// x at a column of a row; zero where there is none.
fn load(row : u32, at : i32, limit : u32) -> vec4<f32> {
  let column = u32(mirror(at, params.w));
  let ok = REFLECT || column < limit;
  return select(vec4<f32>(), vec4<f32>(x[select(0u, row + column * (params.c / 4u), ok)]), ok);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let tiles = (params.q + 7u) / 8u;
  let t = (group.x + group.y * groups.x) * WG + local;
  let q = (t % tiles) * 8u;
  let n = t / tiles / params.p;
  let p = t / tiles % params.p;
  let live = n < params.n;
  let image = min(n, params.n - 1u);       // what is no image mirrors one, and is not written
  let taps = params.r * params.s;
  var a0 = mat4x4<f32>();                  // a pixel a column, summed over its rows at the end
  var a1 = mat4x4<f32>();
  for (var r = 0u; r < params.r; r += 1u) {
    let h = mirror(i32(p * params.strideY + r * params.dilY) - params.padTop, params.h);
    let limit = select(0u, params.w, live && u32(h) < params.h);
    for (var c = 0u; c < cRow; c += 1u) {
      let row = (image * params.h + u32(h)) * params.w * cRow + c;
      var at = i32(q) - params.padLeft;
      var v0 = load(row, at, limit);
      var v1 = load(row, at + 1, limit);
      var v2 = load(row, at + 2, limit);
      var v3 = load(row, at + 3, limit);
      var v4 = load(row, at + 4, limit);
      var v5 = load(row, at + 5, limit);
      var v6 = load(row, at + 6, limit);
      at += 7;
      for (var s = 0u; s < params.s; s += 1u) {
        let v7 = load(row, at, limit);
        let tap = r * params.s + s;
        let b = quad(f32(w[select(tap, taps - 1u - tap, params.flip == 1u) * params.c + c * 4u + (lane & 3u)]));
        a0 += mat4x4<f32>(v0 * b, v1 * b, v2 * b, v3 * b);
        a1 += mat4x4<f32>(v4 * b, v5 * b, v6 * b, v7 * b);
        v0 = v1;
        v1 = v2;
        v2 = v3;
        v3 = v4;
        v4 = v5;
        v5 = v6;
        v6 = v7;
        at += 1;
      }
    }
  }
  if (!live) { return; }
  let one = vec4<f32>(1.0);
  var out = array<vec4<f32>, 2>(one * a0, one * a1);
  for (var px = q; px < min(q + 8u, params.q); px += 1u) {
    let i = (n * params.p + p) * params.q + px;
    y[i] = Elem(epilogue(out[(px - q) / 4u][(px - q) % 4u], i));
  }
}
