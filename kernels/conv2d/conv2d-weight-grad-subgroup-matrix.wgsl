enable chromium_experimental_subgroup_matrix;
enable subgroups;
// dw[r,s,c,k] = Σ_{n,p,q} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · dy[n,p,q,k];
// on tensor cores
// A matrix product, (r,s,c) × pixels times pixels × filters. A workgroup makes 64 of (r,s,c) × 32·NB filters through
// workgroup memory, STEP pixels at a time: BLOCKS_M × BLOCKS_N blocks of small matrices, dealt out to however many
// subgroups there are, at most SHARE to each. Sums are f32, rows go to dw by sixteens.
// The sum over pixels is cut into chunks; each writes its own dw, one after the other, and sum-partials joins them.
// Layouts: x NHWC · dy NPQK · dw RSCK, in vec4s. chunk = pixels per chunk.
// Needs: C and K multiples of 4, one group; subgroups of at most 128; the device's sizes of small matrices.
alias Elem4 = vec4<f32>;     // seam: storage type of x, dy
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
const X = 72u;               // rows of the tiles; 8 avoid bank conflicts and keep 16 bytes' alignment
const W = 32u * NB + 8u;
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> dy : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dw : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

alias Left = subgroup_matrix_left<T, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<T, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;
alias V = vec4<T>;
var<workgroup> xs : array<T, STEP * X>;    // [STEP pixels][64]
var<workgroup> ds : array<T, STEP * W>;    // [STEP pixels][32·NB]
var<workgroup> out : array<f32, 16u * W>;  // [16 of (r,s,c)][32·NB]

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32,
        @builtin(subgroup_id) subgroup : u32, @builtin(num_subgroups) subgroups : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let size = params.r * params.s * params.c;
  let m0 = group.x * 64u;
  let k0 = group.z * 8u * NB;
  // Each invocation loads one vec4 of (r,s,c) of every eighth pixel.
  let m = m0 / 4u + local % 16u;
  let c = m % cRow;
  let tapX = i32(m / cRow % params.s * params.dilX) - params.padLeft;
  let tapY = i32(m / cRow / params.s * params.dilY) - params.padTop;
  let begin = group.y * params.chunk;
  let end = min(begin + params.chunk, params.n * params.p * params.q);
  var pixel = begin + local / 16u;
  var q = pixel % params.q;
  var p = pixel / params.q % params.p;
  var n = pixel / params.q / params.p;
  var sums : array<Sum, SHARE * ROWS * COLUMNS>;
  for (var step = begin; step < end; step += STEP) {
    for (var d = local / 16u; d < STEP; d += 8u) {
      let h = i32(p * params.strideY) + tapY;
      let v = i32(q * params.strideX) + tapX;
      let ok = m * 4u < size && u32(h) < params.h && u32(v) < params.w && pixel < end;
      let at = select(0u, ((n * params.h + u32(h)) * params.w + u32(v)) * cRow + c, ok);
      let four = select(V(), V(x[at]), ok);
      for (var e = 0u; e < 4u; e += 1u) { xs[d * X + local % 16u * 4u + e] = four[e]; }
      pixel += 8u;
      q += 8u;
      while (q >= params.q) {
        q -= params.q;
        p += 1u;
        if (p == params.p) { p = 0u; n += 1u; }
      }
    }
    for (var i = local; i < 8u * NB * STEP; i += 128u) {
      let d = i / (8u * NB);
      let k = i % (8u * NB);
      let ok = step + d < end && k0 + k < kRow;
      let four = select(V(), V(dy[select(0u, (step + d) * kRow + k0 + k, ok)]), ok);
      for (var e = 0u; e < 4u; e += 1u) { ds[d * W + k * 4u + e] = four[e]; }
    }
    workgroupBarrier();
    for (var s = 0u; s < SHARE; s += 1u) {
      let block = subgroup + s * subgroups;
      if (block < BLOCKS_M * BLOCKS_N) {
        for (var d = 0u; d < STEP; d += MATRIX_K) {
          var right : array<Right, COLUMNS>;
          for (var j = 0u; j < COLUMNS; j += 1u) { right[j] = subgroupMatrixLoad<Right, row_major>(&ds, d * W + (block % BLOCKS_N * COLUMNS + j) * MATRIX_N, W); }
          for (var i = 0u; i < ROWS; i += 1u) {
            let left = subgroupMatrixLoad<Left, col_major>(&xs, d * X + (block / BLOCKS_N * ROWS + i) * MATRIX_M, X);
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
            subgroupMatrixStore<row_major>(&out, (row - band) * W + (block % BLOCKS_N * COLUMNS + j) * MATRIX_N, sums[(s * ROWS + i) * COLUMNS + j], W);
          }
        }
      }
    }
    workgroupBarrier();
    for (var i = local; i < 128u * NB; i += 128u) {
      let row = m0 + band + i / (8u * NB);
      let k = k0 + i % (8u * NB);
      let start = i / (8u * NB) * W + i % (8u * NB) * 4u;
      if (row < size && k < kRow) {
        let at = (group.y * size + row) * kRow + k;
        dw[at] = epilogue(F(out[start], out[start + 1u], out[start + 2u], out[start + 3u]), at);
      }
    }
    workgroupBarrier();
  }
}
