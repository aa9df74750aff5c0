// dw[r,s,c,k] = Σ_{n,p,q} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · dy[n,p,q,k]
// A matrix product, (r,s,c) × pixels times pixels × filters. A workgroup makes 64 of (r,s,c) × 32·NB filters through
// workgroup memory, 16 pixels at a time; an invocation 8 × 4·NB.
// The sum over pixels is cut into chunks; each writes its own dw, one after the other, and sum-partials joins them.
// Layouts: x NHWC · dy NPQK · dw RSCK, in vec4s. chunk = pixels per chunk, a multiple of 16.
// Needs: C and K multiples of 4, one group.
alias Elem4 = vec4<f32>;     // seam: storage type of x, dy
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const NB = 2u;               // seam: vec4s of filters per invocation, 1 or 2
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> dy : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dw : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

var<workgroup> xs : array<F, 256>;         // [16 pixels][16]
var<workgroup> ds : array<F, 128u * NB>;   // [16 pixels][8·NB]

fn outer(d : F, v : F) -> M { return M(d * v.x, d * v.y, d * v.z, d * v.w); }
// The row or column of `size` that stands at i; past the last window, where nothing is written, some other.
fn mirror(i : I, size : u32) -> I {
  if (!REFLECT) { return i; }
  let last = I(i32(size) - 1);
  return max(last - abs(last - abs(i)), I());
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let size = params.r * params.s * cRow;
  let m0 = group.x * 16u;
  let k0 = group.z * 8u * NB;
  let tm = local / 8u;
  let tn = local % 8u;
  // Each invocation loads four vec4s of one pixel of either tile, from this one on every fourth.
  let sub = local % 4u;
  let m = m0 + sub + U(0u, 4u, 8u, 12u);
  let c = m % cRow;
  let tapX = I(m / cRow % params.s * params.dilX) - params.padLeft;
  let tapY = I(m / cRow / params.s * params.dilY) - params.padTop;
  let live = m < U(size);
  let end = min((group.y + 1u) * params.chunk, params.n * params.p * params.q);
  var pixel = group.y * params.chunk + local / 4u;
  var q = pixel % params.q;
  var p = pixel / params.q % params.p;
  var n = pixel / params.q / params.p;
  var a00 = M();                           // columns: of vec4 tm of (r,s,c); rows: filters of vec4 tn
  var a01 = M();                           // filters of vec4 tn + 8
  var a10 = M();                           // vec4 tm + 8 of (r,s,c)
  var a11 = M();
  for (var step = group.y * params.chunk; step < end; step += 16u) {
    let h = mirror(I(i32(p * params.strideY)) + tapY, params.h);
    let v = mirror(I(i32(q * params.strideX)) + tapX, params.w);
    let ok = live & (U(h) < U(params.h)) & (U(v) < U(params.w)) & B(pixel < end);
    let at = select(U(), ((n * params.h + U(h)) * params.w + U(v)) * cRow + c, ok);
    let to = local / 4u * 16u + sub;
    xs[to] = select(F(), F(x[at.x]), ok.x);
    xs[to + 4u] = select(F(), F(x[at.y]), ok.y);
    xs[to + 8u] = select(F(), F(x[at.z]), ok.z);
    xs[to + 12u] = select(F(), F(x[at.w]), ok.w);
    for (var i = sub; i < 8u * NB; i += 4u) {
      let inside = pixel < end && k0 + i < kRow;
      ds[local / 4u * 8u * NB + i] = select(F(), F(dy[select(0u, pixel * kRow + k0 + i, inside)]), inside);
    }
    pixel += 16u;
    q += 16u;
    while (q >= params.q) {
      q -= params.q;
      p += 1u;
      if (p == params.p) { p = 0u; n += 1u; }
    }
    workgroupBarrier();
    for (var i = 0u; i < 16u; i += 1u) {
      let v0 = xs[i * 16u + tm];
      let v1 = xs[i * 16u + tm + 8u];
      let d0 = ds[i * 8u * NB + tn];
      a00 += outer(d0, v0);
      a10 += outer(d0, v1);
      if (NB > 1u) {
        let d1 = ds[i * 8u * NB + tn + 8u];
        a01 += outer(d1, v0);
        a11 += outer(d1, v1);
      }
    }
    workgroupBarrier();
  }
  var out = array<M, 4>(a00, a01, a10, a11);
  for (var a = 0u; a < 2u; a += 1u) {
    for (var b = 0u; b < NB; b += 1u) {
      let row = m0 + tm + a * 8u;
      let k = k0 + tn + b * 8u;
      if (row < size && k < kRow) {
        for (var j = 0u; j < 4u; j += 1u) {
          let i = ((group.y * size + row) * 4u + j) * kRow + k;
          dw[i] = epilogue(out[a * 2u + b][j], i);
        }
      }
    }
  }
}
