enable chromium_experimental_subgroup_matrix;
enable subgroups;
// dx[n,h,w,c] = Σ_{r,s,k} dy[n,p,q,k] · w[r,s,c,k]
// over p·strideY = h + padTop − r·dilY, q·strideX = w + padLeft − s·dilX; on tensor cores
// A matrix product, pixels × (r,s,k) times (r,s,k) × channels, for each residue (row, column) of the pixels modulo the
// stride: these meet the same taps, every period-th. A workgroup makes 64 pixels × 32·NB channels through workgroup
// memory, STEP of (r,s,k) at a time: BLOCKS_M × BLOCKS_N blocks of small matrices, dealt out to however many subgroups
// there are, at most SHARE to each. Sums are f32, pixels go to dx by sixteens.
// The sum over (r,s,k) may be cut into chunks, each with a dx of its own, one after the other, that sum-partials joins.
// Layouts: dy NPQK · w RSCK · dx NHWC, in vec4s. period = stride / gcd(stride, dil), chunk = 16s of (r,s,k) per chunk.
// Needs: C and K multiples of 4, one group; subgroups of at most 128; the device's sizes of small matrices.
alias Elem4 = vec4<f32>;     // seam: storage type of dy, w, dx
alias T = f32;               // seam: type of the factors, f32 or f16
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
const MATRIX_M = 8u;         // seam: rows of a small product, 8 or 16
const MATRIX_N = 8u;         // seam: its columns, 8 or 16
const MATRIX_K = 8u;         // seam: its depth, 8 or 16
const STEP = 16u;            // seam: depth of what is staged at a time
const BLOCKS_M = 2u;         // seam: blocks down the tile, 1, 2 or 4
const BLOCKS_N = 2u;         // seam: blocks across, 1 or 2
const SHARE = 1u;            // seam: most blocks of a subgroup, 1, 2, 4 or 8
const NB = 2u;               // seam: 32s of columns, 1 or 2
const ROWS = 64u / MATRIX_M / BLOCKS_M;            // small matrices of a block
const COLUMNS = 32u * NB / MATRIX_N / BLOCKS_N;
const X = STEP + 8u;         // rows of the tiles; 8 avoid bank conflicts and keep 16 bytes' alignment
const W = 32u * NB + 8u;
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, periodY : u32, periodX : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dx : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

alias Left = subgroup_matrix_left<T, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<T, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;
alias V = vec4<T>;
var<workgroup> xs : array<T, 64u * X>;     // [64 pixels][STEP], of dy
var<workgroup> ws : array<T, STEP * W>;    // [STEP][32·NB], of w with c and k exchanged
var<workgroup> ys : array<f32, 16u * W>;   // [16 pixels][32·NB]

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

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32,
        @builtin(subgroup_id) subgroup : u32, @builtin(num_subgroups) subgroups : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let cTiles = (cRow + 8u * NB - 1u) / (8u * NB);
  let c0 = group.z % cTiles * 8u * NB;
  let phaseX = group.z / cTiles % params.strideX;
  let phaseY = group.z / cTiles / params.strideX % params.strideY;
  let part = group.z / cTiles / params.strideX / params.strideY;
  let pixel0 = (group.x + group.y * groups.x) * 64u;
  let r0 = first(i32(phaseY) + params.padTop, params.dilY, params.strideY, params.periodY, params.r);
  let s0 = first(i32(phaseX) + params.padLeft, params.dilX, params.strideX, params.periodX, params.s);
  let none = r0 >= params.r || s0 >= params.s || kRow == 0u;
  let taps = select(((params.r + params.periodY - 1u - r0) / params.periodY) * ((params.s + params.periodX - 1u - s0) / params.periodX), 0u, none);
  let begin = part * params.chunk * 4u;
  let end = min(begin + params.chunk * 4u, taps * kRow);
  // Two invocations load the STEP numbers of one pixel, a half each: (rowsH · columnsW) pixels of this residue
  // in an image.
  let rowsH = (params.h + params.strideY - 1u) / params.strideY;
  let columnsW = (params.w + params.strideX - 1u) / params.strideX;
  let pixel = pixel0 + local / 2u;
  let half = local % 2u * (STEP / 8u);
  let n = pixel / columnsW / rowsH;
  let i0 = i32(pixel / columnsW % rowsH);
  let j0 = i32(pixel % columnsW);
  let of4 = local % (STEP / 4u);           // the four of the depth whose weights this invocation loads
  var a = Tap(r0, s0, 0u);
  var b = a;
  if (!none) {
    a = next(a, begin + half, s0);
    b = next(b, begin + of4, s0);
  }
  var sums : array<Sum, SHARE * ROWS * COLUMNS>;
  for (var step = begin; step < end; step += STEP / 4u) {
    for (var i = half; i < half + STEP / 8u; i += 1u) {
      let p = i0 + (i32(phaseY) + params.padTop - i32(a.r * params.dilY)) / i32(params.strideY);
      let q = j0 + (i32(phaseX) + params.padLeft - i32(a.s * params.dilX)) / i32(params.strideX);
      let ok = n < params.n && u32(p) < params.p && u32(q) < params.q && step + i < end;
      let at = select(0u, ((n * params.p + u32(p)) * params.q + u32(q)) * kRow + a.k, ok);
      let four = select(V(), V(dy[at]), ok);
      for (var e = 0u; e < 4u; e += 1u) { xs[local / 2u * X + i * 4u + e] = four[e]; }
      a = next(a, select(1u, STEP / 8u + 1u, i + 1u == half + STEP / 8u), s0);   // at last past what the other loads
    }
    for (var c = local / (STEP / 4u); c < 32u * NB; c += 512u / STEP) {
      let ok = step + of4 < end && c0 * 4u + c < params.c;
      let at = select(0u, ((b.r * params.s + b.s) * params.c + c0 * 4u + c) * kRow + b.k, ok);
      let four = select(V(), V(w[at]), ok);
      for (var e = 0u; e < 4u; e += 1u) { ws[(of4 * 4u + e) * W + c] = four[e]; }
    }
    b = next(b, STEP / 4u, s0);
    workgroupBarrier();
    for (var s = 0u; s < SHARE; s += 1u) {
      let block = subgroup + s * subgroups;
      if (block < BLOCKS_M * BLOCKS_N) {
        for (var d = 0u; d < STEP; d += MATRIX_K) {
          var right : array<Right, COLUMNS>;
          for (var j = 0u; j < COLUMNS; j += 1u) { right[j] = subgroupMatrixLoad<Right, row_major>(&ws, d * W + (block % BLOCKS_N * COLUMNS + j) * MATRIX_N, W); }
          for (var i = 0u; i < ROWS; i += 1u) {
            let left = subgroupMatrixLoad<Left, row_major>(&xs, (block / BLOCKS_N * ROWS + i) * MATRIX_M * X + d, X);
            for (var j = 0u; j < COLUMNS; j += 1u) {
              let at = (s * ROWS + i) * COLUMNS + j;
              sums[at] = subgroupMatrixMultiplyAccumulate(left, right[j], sums[at]);
            }
          }
        }
      }
    }
    workgroupBarrier();
  }
  for (var band = 0u; band < 64u; band += 16u) {
    for (var s = 0u; s < SHARE; s += 1u) {
      let block = subgroup + s * subgroups;
      for (var i = 0u; i < ROWS; i += 1u) {
        let row = (block / BLOCKS_N * ROWS + i) * MATRIX_M;
        if (block < BLOCKS_M * BLOCKS_N && row / 16u == band / 16u) {
          for (var j = 0u; j < COLUMNS; j += 1u) {
            subgroupMatrixStore<row_major>(&ys, (row - band) * W + (block % BLOCKS_N * COLUMNS + j) * MATRIX_N, sums[(s * ROWS + i) * COLUMNS + j], W);
          }
        }
      }
    }
    workgroupBarrier();
    for (var i = local; i < 128u * NB; i += 128u) {
      let m = pixel0 + band + i / (8u * NB);
      let c = c0 + i % (8u * NB);
      let start = i / (8u * NB) * W + i % (8u * NB) * 4u;
      let image = m / columnsW / rowsH;
      let h = phaseY + m / columnsW % rowsH * params.strideY;
      let x = phaseX + m % columnsW * params.strideX;
      if (image < params.n && h < params.h && x < params.w && c < cRow) {
        let at = (((part * params.n + image) * params.h + h) * params.w + x) * cRow + c;
        dx[at] = Elem4(epilogue(F(ys[start], ys[start + 1u], ys[start + 2u], ys[start + 3u]), at));
      }
    }
    workgroupBarrier();
  }
}
