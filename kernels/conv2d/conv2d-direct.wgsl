// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · w[r,s,c,k]
// One invocation makes 8 pixels of a row × KT channels. Takes any shape; it is meant for C or K below 4 or odd.
// Layouts: x NHWC · w RSCK · y NPQK. Needs: nothing.
alias Elem = f32;            // seam: storage type of x, w, y
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const KT = 4u;               // seam: output channels per invocation, 4 or 1
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> w : array<Elem>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// x at four offsets of a row; zero where the offset leaves it.
fn load(row : u32, at : vec4<i32>, limit : u32) -> vec4<f32> {
  let ok = vec4<bool>(REFLECT) | (vec4<u32>(at) < vec4<u32>(limit));
  let j = select(vec4<u32>(), row + vec4<u32>(at), ok);
  return select(vec4<f32>(), vec4<f32>(F(x[j.x]), F(x[j.y]), F(x[j.z]), F(x[j.w])), ok);
}
// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : vec4<i32>, size : u32) -> vec4<i32> {
  if (!REFLECT) { return i; }
  let last = vec4<i32>(i32(size) - 1);
  return max(last - abs(last - abs(i)), vec4<i32>());
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let cs = params.c / params.groups;
  let ks = params.k / params.groups;
  let kTiles = (ks + KT - 1u) / KT;
  let tiles = (params.q + 7u) / 8u;
  let tile = t % (kTiles * params.groups);
  let pixel = t / (kTiles * params.groups);
  let g = tile / kTiles;
  let k = g * ks + (tile % kTiles) * KT;
  let last = (g + 1u) * ks - 1u - k;       // channels past the group's end repeat its last and are not written
  let channels = min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
  let q = (pixel % tiles) * 8u;
  let n = pixel / tiles / params.p;
  let p = pixel / tiles % params.p;
  if (n >= params.n) { return; }
  // A filter row whose taps are neighbours in memory is one run of s·c; else a run of c for each tap.
  let flat = !REFLECT && params.dilX == 1u && params.groups == 1u;
  let runs = select(params.s, 1u, flat);
  let length = select(cs, params.s * cs, flat);
  let step = vec4<i32>(0, 1, 2, 3) * i32(params.strideX);
  let limit = params.w * params.c;
  var a0 = mat4x4<f32>();                  // column: channel; row: pixel
  var a1 = mat4x4<f32>();
  for (var r = 0u; r < params.r; r += 1u) {
    let h = mirror(vec4<i32>(i32(p * params.strideY + r * params.dilY) - params.padTop), params.h).x;
    if (u32(h) >= params.h) { continue; }
    let row = (n * params.h + u32(h)) * limit;
    var wi = r * params.s * cs * params.k + k;
    for (var run = 0u; run < runs; run += 1u) {
      let column = vec4<i32>(i32(q * params.strideX + run * params.dilX) - params.padLeft) + step;
      var at = mirror(column, params.w) * i32(params.c) + i32(g * cs);
      let far = mirror(column + 4 * i32(params.strideX), params.w) * i32(params.c) + i32(g * cs) - at;
      for (var i = 0u; i < length; i += 1u) {
        let v0 = load(row, at, limit);
        let v1 = load(row, at + far, limit);
        let b0 = F(w[wi]);
        if (KT == 1u) {
          a0[0] += v0 * b0;
          a1[0] += v1 * b0;
        } else {
          let b1 = F(w[wi + channels.y]);
          let b2 = F(w[wi + channels.z]);
          let b3 = F(w[wi + channels.w]);
          a0 += mat4x4<f32>(v0 * b0, v0 * b1, v0 * b2, v0 * b3);
          a1 += mat4x4<f32>(v1 * b0, v1 * b1, v1 * b2, v1 * b3);
        }
        at += vec4<i32>(1);
        wi += params.k;
      }
    }
  }
  var out = array<mat4x4<f32>, 2>(a0, a1);
  // Loops whose lengths no compiler knows: unrolled, stores take most of the time to compile.
  for (var j = q; j < min(q + 8u, params.q); j += 1u) {
    for (var v = k; v <= k + min(last, KT - 1u); v += 1u) {
      let i = ((n * params.p + p) * params.q + j) * params.k + v;
      y[i] = Elem(epilogue(out[j / 4u % 2u][v - k][j % 4u], i));
    }
  }
}
