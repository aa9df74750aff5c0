// dx[n,h,w,c] = Σ_{r,s,k} dy[n,p,q,k] · w[r,s,c,k]
// over p·strideY = h + padTop − r·dilY, q·strideX = w + padLeft − s·dilX
// A matrix product, pixels × (r,s,k) times (r,s,k) × channels, for each residue (row, column) of the pixels modulo the
// stride: these meet the same taps, every period-th. A workgroup makes 64 pixels × 32·NB channels through workgroup
// memory, 16 of (r,s,k) at a time; an invocation 8 pixels × 4·NB channels.
// The sum over (r,s,k) may be cut into chunks, each with a dx of its own, one after the other, that sum-partials joins.
// Layouts: dy NPQK · w RSCK · dx NHWC, in vec4s. period = stride / gcd(stride, dil), chunk = 16s of (r,s,k) per chunk.
// Needs: C and K multiples of 4, one group.
alias Elem4 = vec4<f32>;     // seam: storage type of dy, w, dx
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const NB = 2u;               // seam: vec4s of channels per invocation, 1 or 2
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, periodY : u32, periodX : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dx : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

var<workgroup> xs : array<F, 320>;         // [64 pixels][4 + 1 that avoids bank conflicts], of dy
var<workgroup> ws : array<F, 128u * NB>;   // [16][8·NB], of w with c and k exchanged

// The first tap that meets a pixel of dy at residue `at`; `count` if none does.
fn first(at : i32, dil : u32, stride : u32, period : u32, count : u32) -> u32 {
  for (var r = 0u; r < period; r += 1u) {
    if ((at - i32(r * dil)) % i32(stride) == 0) { return r; }
  }
  return count;
}
struct Tap { r : u32, s : u32, k : u32 }
// `by` further along (r,s,k).
fn next(start : Tap, by : u32, s0 : u32) -> Tap {
  var t = start;
  t.k += by;
  while (t.k >= params.k / 4u) {
    t.k -= params.k / 4u;
    t.s += params.periodX;
    if (t.s >= params.s) { t.s = s0; t.r += params.periodY; }
  }
  return t;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let cTiles = (cRow + 8u * NB - 1u) / (8u * NB);
  let c0 = group.z % cTiles * 8u * NB;
  let phaseX = group.z / cTiles % params.strideX;
  let phaseY = group.z / cTiles / params.strideX % params.strideY;
  let part = group.z / cTiles / params.strideX / params.strideY;
  let pixel0 = (group.x + group.y * groups.x) * 64u;
  let tm = local / 8u;
  let tn = local % 8u;
  let r0 = first(i32(phaseY) + params.padTop, params.dilY, params.strideY, params.periodY, params.r);
  let s0 = first(i32(phaseX) + params.padLeft, params.dilX, params.strideX, params.periodX, params.s);
  // Each invocation loads one vec4 of (r,s,k) of four pixels of the left tile, of the (rowsH · columnsW) pixels of this
  // residue in an image: four invocations read neighbours.
  let rowsH = (params.h + params.strideY - 1u) / params.strideY;
  let columnsW = (params.w + params.strideX - 1u) / params.strideX;
  let pixel = pixel0 + local / 4u + U(0u, 16u, 32u, 48u);
  let n = pixel / columnsW / rowsH;
  let i0 = I(pixel / columnsW % rowsH);
  let j0 = I(pixel % columnsW);
  let live = n < U(params.n);
  let none = s0 >= params.s || kRow == 0u;
  let begin = part * params.chunk * 4u;
  var tap = Tap(select(r0, params.r, none), s0, 0u);
  if (!none) { tap = next(tap, begin + local % 4u, s0); }
  var a00 = M();                           // columns: pixels tm + 8·j; rows: channels of vec4 tn
  var a01 = M();                           // pixels tm + 32 + 8·j
  var a10 = M();                           // channels of vec4 tn + 8
  var a11 = M();
  let taps = select(((params.r + params.periodY - 1u - r0) / params.periodY) * ((params.s + params.periodX - 1u - s0) / params.periodX), 0u, none || r0 >= params.r);
  for (var step = begin; step < min(begin + params.chunk * 4u, taps * kRow); step += 4u) {
    let p = i0 + (i32(phaseY) + params.padTop - i32(tap.r * params.dilY)) / i32(params.strideY);
    let q = j0 + (i32(phaseX) + params.padLeft - i32(tap.s * params.dilX)) / i32(params.strideX);
    let inside = live & (U(p) < U(params.p)) & (U(q) < U(params.q)) & B(tap.r < params.r);
    let di = select(U(), ((n * params.p + U(p)) * params.q + U(q)) * kRow + tap.k, inside);
    let left = local / 4u * 5u + local % 4u;
    xs[left] = select(F(), F(dy[di.x]), inside.x);
    xs[left + 80u] = select(F(), F(dy[di.y]), inside.y);
    xs[left + 160u] = select(F(), F(dy[di.z]), inside.z);
    xs[left + 240u] = select(F(), F(dy[di.w]), inside.w);
    // A 4 × 4 block of the right tile, turned round.
    if (local < 32u * NB) {
      let c = c0 + local / 4u;
      let ok = tap.r < params.r && c < cRow;
      let at = select(0u, (((tap.r * params.s + tap.s) * cRow + c) * 4u) * kRow + tap.k, ok);
      let row = select(0u, kRow, ok);
      let block = transpose(M(F(w[at]), F(w[at + row]), F(w[at + 2u * row]), F(w[at + 3u * row])));
      let to = (local % 4u) * 32u * NB + local / 4u;
      ws[to] = select(F(), block[0], ok);
      ws[to + 8u * NB] = select(F(), block[1], ok);
      ws[to + 16u * NB] = select(F(), block[2], ok);
      ws[to + 24u * NB] = select(F(), block[3], ok);
    }
    tap = next(tap, 4u, s0);
    workgroupBarrier();
    for (var i = 0u; i < 4u; i += 1u) {
      let v0 = M(xs[tm * 5u + i], xs[(tm + 8u) * 5u + i], xs[(tm + 16u) * 5u + i], xs[(tm + 24u) * 5u + i]);
      let v1 = M(xs[(tm + 32u) * 5u + i], xs[(tm + 40u) * 5u + i], xs[(tm + 48u) * 5u + i], xs[(tm + 56u) * 5u + i]);
      let b = i * 32u * NB + tn;
      let b0 = M(ws[b], ws[b + 8u * NB], ws[b + 16u * NB], ws[b + 24u * NB]);
      a00 += b0 * v0;
      a01 += b0 * v1;
      if (NB > 1u) {
        let b1 = M(ws[b + 8u], ws[b + 8u + 8u * NB], ws[b + 8u + 16u * NB], ws[b + 8u + 24u * NB]);
        a10 += b1 * v0;
        a11 += b1 * v1;
      }
    }
    workgroupBarrier();
  }
  var out = array<M, 4>(a00, a01, a10, a11);
  for (var v = 0u; v < NB; v += 1u) {
    for (var j = 0u; j < 8u; j += 1u) {
      let m = pixel0 + tm + j * 8u;
      let c = c0 + tn + v * 8u;
      let image = m / columnsW / rowsH;
      let h = phaseY + m / columnsW % rowsH * params.strideY;
      let x = phaseX + m % columnsW * params.strideX;
      if (image < params.n && h < params.h && x < params.w && c < cRow) {
        let i = (((part * params.n + image) * params.h + h) * params.w + x) * cRow + c;
        dx[i] = Elem4(epilogue(out[v * 2u + j / 4u][j % 4u], i));
      }
    }
  }
}
