enable chromium_experimental_subgroup_matrix;
enable subgroups;
// y[i,m,n] = Σ_k a[i,m,k] · b[i,k,n], a and b each stored as written or with its last two dimensions exchanged;
// on tensor cores
// A workgroup makes 64 rows × 32·NB columns through workgroup memory, STEP of k at a time: BLOCKS_M × BLOCKS_N blocks
// of small matrices, dealt out to however many subgroups there are, at most SHARE to each.
// Sums are f32, rows go to y by sixteens.
// aBatch, bBatch: vec4s from one matrix to the next (0: the same for all).
// Needs: K and N multiples of 4, M too if a is exchanged; subgroups of at most 128;
// the device's sizes of small matrices.
alias Elem4 = vec4<f32>;     // seam: storage type of a, b, y
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
const TRANSPOSE_A = false;   // seam: a is stored [K, M]
const TRANSPOSE_B = false;   // seam: b is stored [N, K]
const ROWS = 64u / MATRIX_M / BLOCKS_M;            // small matrices of a block
const COLUMNS = 32u * NB / MATRIX_N / BLOCKS_N;
const X = STEP + 8u;         // rows of the tiles; 8 avoid bank conflicts and keep 16 bytes' alignment
const W = 32u * NB + 8u;
struct Params { batch : u32, m : u32, n : u32, k : u32, aBatch : u32, bBatch : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> a : array<Elem4>;
@group(0) @binding(2) var<storage, read> b : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

alias Left = subgroup_matrix_left<T, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<T, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;
alias V = vec4<T>;
var<workgroup> xs : array<T, 64u * X>;     // [64 rows][STEP]
var<workgroup> ws : array<T, STEP * W>;    // [STEP][32·NB]
var<workgroup> ys : array<f32, 16u * W>;   // [16 rows][32·NB]

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32,
        @builtin(subgroup_id) subgroup : u32, @builtin(num_subgroups) subgroups : u32) {
  let kRow = params.k / 4u;
  let nRow = params.n / 4u;
  let nTiles = (nRow + 8u * NB - 1u) / (8u * NB);
  let batch = group.z / nTiles;
  let n0 = group.z % nTiles * 8u * NB;
  let m0 = (group.x + group.y * groups.x) * 64u;
  var sums : array<Sum, SHARE * ROWS * COLUMNS>;
  for (var step = 0u; step < params.k; step += STEP) {
    for (var i = local; i < 16u * STEP; i += 128u) {
      if (TRANSPOSE_A) {
        let d = i / 16u;
        let m = i % 16u * 4u;
        let ok = step + d < params.k && m0 + m < params.m;
        let v = select(V(), V(a[select(0u, batch * params.aBatch + ((step + d) * params.m + m0 + m) / 4u, ok)]), ok);
        for (var e = 0u; e < 4u; e += 1u) { xs[(m + e) * X + d] = v[e]; }
      } else {
        let m = i / (STEP / 4u);
        let d = i % (STEP / 4u);
        let ok = step / 4u + d < kRow && m0 + m < params.m;
        let v = select(V(), V(a[select(0u, batch * params.aBatch + (m0 + m) * kRow + step / 4u + d, ok)]), ok);
        for (var e = 0u; e < 4u; e += 1u) { xs[m * X + d * 4u + e] = v[e]; }
      }
    }
    for (var i = local; i < 8u * NB * STEP; i += 128u) {
      if (TRANSPOSE_B) {
        let n = i / (STEP / 4u);
        let d = i % (STEP / 4u);
        let ok = step / 4u + d < kRow && n0 * 4u + n < params.n;
        let v = select(V(), V(b[select(0u, batch * params.bBatch + (n0 * 4u + n) * kRow + step / 4u + d, ok)]), ok);
        for (var e = 0u; e < 4u; e += 1u) { ws[(d * 4u + e) * W + n] = v[e]; }
      } else {
        let d = i / (8u * NB);
        let n = i % (8u * NB);
        let ok = step + d < params.k && n0 + n < nRow;
        let v = select(V(), V(b[select(0u, batch * params.bBatch + (step + d) * nRow + n0 + n, ok)]), ok);
        for (var e = 0u; e < 4u; e += 1u) { ws[d * W + n * 4u + e] = v[e]; }
      }
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
      let m = m0 + band + i / (8u * NB);
      let n = n0 + i % (8u * NB);
      let start = i / (8u * NB) * W + i % (8u * NB) * 4u;
      if (m < params.m && n < nRow) {
        let at = (batch * params.m + m) * nRow + n;
        y[at] = Elem4(epilogue(F(ys[start], ys[start + 1u], ys[start + 2u], ys[start + 3u]), at));
      }
    }
    workgroupBarrier();
  }
}
