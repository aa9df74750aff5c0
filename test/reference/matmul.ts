// Matrix products in plain f64 loops: what the kernels must give.

/** y[i,m,n] = Σ_k a[i,m,k]·b[i,k,n]; a side with one matrix serves all, a transposed one is stored [K, M] or [N, K]. */
export function matmul(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  {
    batch,
    m,
    k,
    n,
    batchA = batch,
    batchB = batch,
    transposeA = false,
    transposeB = false,
  }: {
    batch: number;
    m: number;
    k: number;
    n: number;
    batchA?: number;
    batchB?: number;
    transposeA?: boolean;
    transposeB?: boolean;
  },
): Float64Array {
  const y = new Float64Array(batch * m * n);
  for (let i = 0; i < batch; i++)
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          const at = (batchA > 1 ? i * m * k : 0) + (transposeA ? l * m + row : row * k + l);
          const bt = (batchB > 1 ? i * k * n : 0) + (transposeB ? column * k + l : l * n + column);
          sum += a[at]! * b[bt]!;
        }
        y[(i * m + row) * n + column] = sum;
      }
  return y;
}
