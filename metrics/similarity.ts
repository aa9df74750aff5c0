// How alike two images are, voxel by voxel or as distributions: the measures of Table V for pseudo MR images.

/**
 * Kullback–Leibler divergence D(p ‖ q) in nats of two samples of intensities, by histograms of `bins` equal bins over
 * `range`; values outside the range count in its first or last bin. A bin that only p fills would make it infinite:
 * every bin of both counts `prior` values more. Equal to scipy.stats.entropy of those histograms. NaN where a sample is
 * empty. Throws RangeError as histogram.
 */
export function klDivergence(
  p: ArrayLike<number>,
  q: ArrayLike<number>,
  { range, bins = 256, prior = 1 }: { readonly range: readonly [number, number]; bins?: number; prior?: number },
): number {
  return klOfCounts(histogram(p, range, bins), histogram(q, range, bins), prior);
}

/**
 * As klDivergence, of two histograms of the same bins. NaN where one counts nothing. Throws RangeError where they
 * differ in bins.
 */
export function klOfCounts(p: ArrayLike<number>, q: ArrayLike<number>, prior = 1): number {
  requireEqualSizes("klOfCounts", p, q);
  const parts = (counts: ArrayLike<number>): Float64Array => {
    const values = Float64Array.from(counts);
    const sum = values.reduce((a, n) => a + n, 0);
    return values.map((n) => (sum === 0 ? NaN : (n + prior) / (sum + values.length * prior)));
  };
  const [a, b] = [parts(p), parts(q)];
  return a.reduce((sum, v, i) => sum + (v === 0 ? 0 : v * Math.log(v / b[i]!)), 0);
}

/**
 * Counts of `values` in `bins` equal bins over [low, high]. Throws RangeError where the range is empty, there is no
 * bin, or a value is NaN.
 */
export function histogram(
  values: ArrayLike<number>,
  [low, high]: readonly [number, number],
  bins: number,
): Float64Array {
  if (!(high > low)) throw new RangeError(`histogram: the range ${low} to ${high} is empty`);
  if (!(Number.isInteger(bins) && bins > 0)) throw new RangeError(`histogram: ${bins} is no number of bins`);
  const counts = new Float64Array(bins);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor(((values[i]! - low) / (high - low)) * bins);
    if (Number.isNaN(bin)) throw new RangeError(`histogram: value ${i} is NaN`);
    counts[Math.min(bins - 1, Math.max(0, bin))]! += 1;
  }
  return counts;
}

/** Of two images of one size, whose values may span `dataRange`. */
export interface ImagePair {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  /** The largest possible value less the smallest: 2 for images in [−1, 1]. */
  readonly dataRange: number;
}

/**
 * Peak signal-to-noise ratio in dB: 10·log₁₀(dataRange² / mean squared difference); Infinity for equal images. As
 * scikit-image's peak_signal_noise_ratio. Throws RangeError where the images differ in size.
 */
export function psnr({ a, b, dataRange }: ImagePair): number {
  requireEqualSizes("psnr", a, b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return 10 * Math.log10((dataRange * dataRange * a.length) / sum);
}

const K1 = 0.01;
const K2 = 0.03;

/**
 * Mean structural similarity index of two images [height, width] (Wang et al. 2004), by windows of `window` × `window`
 * equal weights and sample covariances, over the pixels whose window lies within: as scikit-image's
 * structural_similarity by its defaults. Throws RangeError where the window is even or larger than the image.
 */
export function ssim({
  a,
  b,
  dataRange,
  height,
  width,
  window = 7,
}: ImagePair & { readonly height: number; readonly width: number; readonly window?: number }): number {
  requireEqualSizes("ssim", a, b);
  if (a.length !== height * width)
    throw new RangeError(`ssim: ${a.length} values are no image of ${height} × ${width} pixels`);
  if (window % 2 === 0 || window > Math.min(height, width))
    throw new RangeError(`ssim: a window of ${window} is even, or does not fit ${height} × ${width} pixels`);
  const means = (of: (i: number) => number): Float64Array => windowMeans(of, height, width, window);
  const meanA = means((i) => a[i]!);
  const meanB = means((i) => b[i]!);
  const squareA = means((i) => a[i]! ** 2);
  const squareB = means((i) => b[i]! ** 2);
  const product = means((i) => a[i]! * b[i]!);
  const sample = window ** 2 / (window ** 2 - 1);
  const c1 = (K1 * dataRange) ** 2;
  const c2 = (K2 * dataRange) ** 2;
  let sum = 0;
  for (let i = 0; i < meanA.length; i++) {
    const [ma, mb] = [meanA[i]!, meanB[i]!];
    const varianceA = sample * (squareA[i]! - ma * ma);
    const varianceB = sample * (squareB[i]! - mb * mb);
    const covariance = sample * (product[i]! - ma * mb);
    const luminance = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1);
    sum += luminance * ((2 * covariance + c2) / (varianceA + varianceB + c2));
  }
  return sum / meanA.length;
}

/** Means over every window that lies within [height, width]: [height − window + 1, width − window + 1]. */
function windowMeans(of: (i: number) => number, height: number, width: number, window: number): Float64Array {
  const rows = height - window + 1;
  const columns = width - window + 1;
  const across = new Float64Array(height * columns);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < columns; x++)
      for (let k = 0; k < window; k++) across[y * columns + x]! += of(y * width + x + k);
  const found = new Float64Array(rows * columns);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      let sum = 0;
      for (let k = 0; k < window; k++) sum += across[(y + k) * columns + x]!;
      found[y * columns + x] = sum / window ** 2;
    }
  return found;
}

/**
 * Coefficient of variation σ / μ of what several raters measured (Table IV), with the sample's deviation (n − 1). NaN
 * for fewer than two values.
 */
export function coefficientOfVariation(values: readonly number[]): number {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return values.length < 2 ? NaN : Math.sqrt(squares / (values.length - 1)) / mean;
}

function requireEqualSizes(what: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length)
    throw new RangeError(`${what}: images of ${a.length} and ${b.length} values differ in size`);
}
