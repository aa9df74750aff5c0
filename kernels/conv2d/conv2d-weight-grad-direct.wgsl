// dw[r,s,c,k] = Σ_{n,p,q} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · dy[n,p,q,k]
// The sum over pixels is cut into chunks; each writes its own dw, one after the other, and sum-partials joins them.
// One invocation makes 8 of the rows (r,s,c) × KT filters, a pixel at a time. Takes any shape;
// it is meant for C or K below 4 or odd.
// Layouts: x NHWC · dy NPQK · dw RSCK. chunk = pixels per chunk. Needs: nothing.
alias Elem = f32;            // seam: storage type of x, dy
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const KT = 4u;               // seam: filters per invocation, 4 or 1
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> dy : array<Elem>;
@group(0) @binding(3) var<storage, read_write> dw : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : vec4<i32>, size : u32) -> vec4<i32> {
  if (!REFLECT) { return i; }
  let last = vec4<i32>(i32(size) - 1);
  return max(last - abs(last - abs(i)), vec4<i32>());
}
// x at column `at` of four rows of which `limit` columns exist.
fn load(base : vec4<u32>, at : vec4<i32>, limit : vec4<u32>) -> vec4<f32> {
  let column = mirror(at, params.w);
  let ok = vec4<bool>(REFLECT) | (vec4<u32>(column) < limit);
  let j = select(vec4<u32>(), base + vec4<u32>(column) * params.c, ok);
  return select(vec4<f32>(), vec4<f32>(F(x[j.x]), F(x[j.y]), F(x[j.z]), F(x[j.w])), ok);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let cs = params.c / params.groups;
  let ks = params.k / params.groups;
  let kTiles = (ks + KT - 1u) / KT;
  let size = params.r * params.s * cs;
  let mTiles = (size + 7u) / 8u;
  let tile = t % (kTiles * params.groups);
  let m = t / (kTiles * params.groups) % mTiles * 8u;
  let part = t / (kTiles * params.groups) / mTiles;
  if (part >= params.chunks) { return; }
  let g = tile / kTiles;
  let k = g * ks + (tile % kTiles) * KT;
  let last = (g + 1u) * ks - 1u - k;       // filters past the group's end repeat its last and are not written
  let filters = min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
  let m0 = vec4<u32>(m, m + 1u, m + 2u, m + 3u);
  let m1 = m0 + 4u;
  let x0 = vec4<i32>(m0 / cs % params.s * params.dilX) - params.padLeft;
  let x1 = vec4<i32>(m1 / cs % params.s * params.dilX) - params.padLeft;
  let y0 = vec4<i32>(m0 / cs / params.s * params.dilY) - params.padTop;
  let y1 = vec4<i32>(m1 / cs / params.s * params.dilY) - params.padTop;
  let end = min((part + 1u) * params.chunk, params.n * params.p * params.q);
  var at = part * params.chunk;
  var column = at % params.q;
  var p = at / params.q % params.p;
  var n = at / params.q / params.p;
  var a0 = mat4x4<f32>();                  // column: filter; row: one of (r,s,c)
  var a1 = mat4x4<f32>();
  while (at < end) {
    let h0 = mirror(vec4<i32>(i32(p * params.strideY)) + y0, params.h);
    let h1 = mirror(vec4<i32>(i32(p * params.strideY)) + y1, params.h);
    let b0 = (n * params.h + vec4<u32>(h0)) * params.w * params.c + g * cs + m0 % cs;
    let b1 = (n * params.h + vec4<u32>(h1)) * params.w * params.c + g * cs + m1 % cs;
    let limit0 = select(vec4<u32>(), vec4<u32>(params.w), (vec4<u32>(h0) < vec4<u32>(params.h)) & (m0 < vec4<u32>(size)));
    let limit1 = select(vec4<u32>(), vec4<u32>(params.w), (vec4<u32>(h1) < vec4<u32>(params.h)) & (m1 < vec4<u32>(size)));
    let count = min(end - at, params.q - column);
    var v = i32(column * params.strideX);
    var di = at * params.k + k;
    for (var i = 0u; i < count; i += 1u) {
      let v0 = load(b0, v + x0, limit0);
      let v1 = load(b1, v + x1, limit1);
      let d0 = F(dy[di]);
      if (KT == 1u) {
        a0[0] += v0 * d0;
        a1[0] += v1 * d0;
      } else {
        let d1 = F(dy[di + filters.y]);
        let d2 = F(dy[di + filters.z]);
        let d3 = F(dy[di + filters.w]);
        a0 += mat4x4<f32>(v0 * d0, v0 * d1, v0 * d2, v0 * d3);
        a1 += mat4x4<f32>(v1 * d0, v1 * d1, v1 * d2, v1 * d3);
      }
      v += i32(params.strideX);
      di += params.k;
    }
    at += count;
    column = 0u;
    p += 1u;
    if (p == params.p) { p = 0u; n += 1u; }
  }
  var out = array<mat4x4<f32>, 2>(a0, a1);
  // Loops whose lengths no compiler knows: unrolled, stores take most of the time to compile.
  for (var j = m; j < min(m + 8u, size); j += 1u) {
    for (var v = k; v <= k + min(last, KT - 1u); v += 1u) {
      let i = (part * size + j) * params.k + v;
      dw[i] = epilogue(out[j / 4u % 2u][v - k][j % 4u], i);
    }
  }
}
