enable chromium_experimental_subgroup_matrix;
enable subgroups;
// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · w[r,s,c,k];
// on tensor cores
// A matrix product, pixels × (r,s,c) times (r,s,c) × channels, whose left matrix is never stored. A workgroup makes
// 64 pixels × 32·NB channels through workgroup memory, STEP of (r,s,c) at a time: BLOCKS_M × BLOCKS_N blocks of small
// matrices, dealt out to however many subgroups there are, at most SHARE to each.
// Sums are f32, pixels go to y by sixteens.
// The sum over (r,s,c) may be cut into chunks, each with a y of its own, one after the other, that sum-partials joins.
// Layouts: x NHWC · w RSCK · y NPQK, in vec4s. chunk = 16s of (r,s,c) per chunk.
// Needs: C and K multiples of 4, one group; subgroups of at most 128; the device's sizes of small matrices.
alias Elem4 = vec4<f32>;     // seam: storage type of x, w, y
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
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

alias Left = subgroup_matrix_left<T, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<T, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;
alias V = vec4<T>;
var<workgroup> xs : array<T, 64u * X>;     // [64 pixels][STEP]
var<workgroup> ws : array<T, STEP * W>;    // [STEP][32·NB]
var<workgroup> ys : array<f32, 16u * W>;   // [16 pixels][32·NB]

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32,
        @builtin(subgroup_id) subgroup : u32, @builtin(num_subgroups) subgroups : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let pixel0 = (group.x + group.y * groups.x) * 64u;
  let kTiles = (kRow + 8u * NB - 1u) / (8u * NB);
  let k0 = group.z % kTiles * 8u * NB;
  let part = group.z / kTiles;
  let begin = part * params.chunk * 4u;
  let end = min(begin + params.chunk * 4u, params.r * params.s * cRow);
  // Two invocations load the STEP numbers of one pixel, a half each.
  let pixels = params.n * params.p * params.q;
  let pixel = pixel0 + local / 2u;
  let half = local % 2u * (STEP / 8u);
  let n = pixel / params.q / params.p;
  let h0 = i32(pixel / params.q % params.p * params.strideY) - params.padTop;
  let w0 = i32(pixel % params.q * params.strideX) - params.padLeft;
  var r = (begin + half) / cRow / params.s;
  var s = (begin + half) / cRow % params.s;
  var c = (begin + half) % cRow;
  var sums : array<Sum, SHARE * ROWS * COLUMNS>;
  for (var step = begin; step < end; step += STEP / 4u) {
    for (var i = half; i < half + STEP / 8u; i += 1u) {
      let h = h0 + i32(r * params.dilY);
      let v = w0 + i32(s * params.dilX);
      let ok = pixel < pixels && u32(h) < params.h && u32(v) < params.w && step + i < end;
      let at = select(0u, ((n * params.h + u32(h)) * params.w + u32(v)) * cRow + c, ok);
      let four = select(V(), V(x[at]), ok);
      for (var e = 0u; e < 4u; e += 1u) { xs[local / 2u * X + i * 4u + e] = four[e]; }
      c += select(1u, STEP / 8u + 1u, i + 1u == half + STEP / 8u);   // at last past what the other one loads
      while (c >= cRow) {
        c -= cRow;
        s += 1u;
        if (s == params.s) { s = 0u; r += 1u; }
      }
    }
    for (var i = local; i < 8u * NB * STEP; i += 128u) {
      let d = i / (8u * NB);
      let k = i % (8u * NB);
      let ok = step * 4u + d < end * 4u && k0 + k < kRow;
      let four = select(V(), V(w[select(0u, (step * 4u + d) * kRow + k0 + k, ok)]), ok);
      for (var e = 0u; e < 4u; e += 1u) { ws[d * W + k * 4u + e] = four[e]; }
    }
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
      let k = k0 + i % (8u * NB);
      let start = i / (8u * NB) * W + i % (8u * NB) * 4u;
      if (m < pixels && k < kRow) {
        let at = (part * pixels + m) * kRow + k;
        y[at] = Elem4(epilogue(F(ys[start], ys[start + 1u], ys[start + 2u], ys[start + 3u]), at));
      }
    }
    workgroupBarrier();
  }
}
