// Batch and instance norm by plain loops in f64: result, statistics, gradients for a cotangent dy.
export interface Norm {
  readonly y: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly dx: Float64Array;
  readonly dw: Float64Array;
  readonly db: Float64Array;
}

/**
 * x and dy [N, H, W, C]; w and b [C], 1 and 0 if absent; biased variance. Statistics [C], or [N, C] where every
 * sample has its own.
 */
export function normLoops(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  shape: readonly number[],
  over: "batch" | "instance",
  { w, b }: { w?: ArrayLike<number>; b?: ArrayLike<number> },
  eps: number,
): Norm {
  const n = x.length;
  const c = shape.at(-1)!;
  const images = shape[0]!;
  const groups = over === "batch" ? c : images * c;
  const count = n / groups;
  const group = (i: number): number => (over === "batch" ? 0 : Math.floor(i / (n / images))) * c + (i % c);
  const mean = new Float64Array(groups);
  const variance = new Float64Array(groups);
  const s = new Float64Array(groups);
  const su = new Float64Array(groups);
  const y = new Float64Array(n);
  const dx = new Float64Array(n);
  const dw = new Float64Array(c);
  const db = new Float64Array(c);
  for (let i = 0; i < n; i++) mean[group(i)]! += x[i]! / count;
  for (let i = 0; i < n; i++) variance[group(i)]! += (x[i]! - mean[group(i)]!) ** 2 / count;
  const unit = (i: number): number => (x[i]! - mean[group(i)]!) / Math.sqrt(variance[group(i)]! + eps);
  const g = (i: number): number => dy[i]! * (w ? w[i % c]! : 1);
  for (let i = 0; i < n; i++) {
    y[i] = unit(i) * (w ? w[i % c]! : 1) + (b ? b[i % c]! : 0);
    s[group(i)]! += g(i) / count;
    su[group(i)]! += (g(i) * unit(i)) / count;
    dw[i % c]! += dy[i]! * unit(i);
    db[i % c]! += dy[i]!;
  }
  for (let i = 0; i < n; i++)
    dx[i] = (g(i) - s[group(i)]! - unit(i) * su[group(i)]!) / Math.sqrt(variance[group(i)]! + eps);
  return { y, mean, variance, dx, dw, db };
}
