// Exact Euclidean distance transform with voxels of any shape, in time linear in their number: one lower envelope of
// parabolas after another along x, y and z (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012).

/**
 * d²[i] = min over sites s of |i − s|², in mm². sites [nx, ny, nz], x fastest; any value but 0 is a site. Infinity
 * everywhere if there is no site.
 */
export function squaredDistances(
  sites: ArrayLike<number>,
  shape: readonly [number, number, number],
  spacingMm: readonly [number, number, number],
): Float64Array {
  const [nx, ny, nz] = shape;
  const d = Float64Array.from({ length: nx * ny * nz }, (_, i) => (sites[i] !== 0 ? 0 : Infinity));
  const most = Math.max(nx, ny, nz);
  const line = new Float64Array(most);
  const foot = new Int32Array(most);
  const from = new Float64Array(most + 1);
  const along = (n: number, stride: number, mm: number, starts: Iterable<number>): void => {
    if (n < 2) return;
    for (const start of starts) {
      let any = false;
      for (let i = 0; i < n; i++) {
        line[i] = d[start + i * stride]!;
        if (line[i] !== Infinity) any = true;
      }
      if (any) envelope(line, n, mm * mm, foot, from, d, start, stride);
    }
  };
  along(nx, 1, spacingMm[0], every(ny * nz, nx));
  along(ny, nx, spacingMm[1], grid(nz, nx * ny, nx, 1));
  along(nz, nx * ny, spacingMm[2], every(nx * ny, 1));
  return d;
}

/**
 * out[i] = min_p f(p) + w (i − p)²: `foot` holds the parabolas of the lower envelope, `from` where each begins to be
 * the lowest.
 */
function envelope(
  f: Float64Array,
  n: number,
  w: number,
  foot: Int32Array,
  from: Float64Array,
  out: Float64Array,
  start: number,
  stride: number,
): void {
  let k = -1;
  for (let q = 0; q < n; q++) {
    if (f[q] === Infinity) continue;
    let s = -Infinity;
    for (; k >= 0; k--) {
      const p = foot[k]!;
      s = (f[q]! - f[p]! + w * (q * q - p * p)) / (2 * w * (q - p));
      if (s > from[k]!) break;
    }
    k++;
    foot[k] = q;
    from[k] = k === 0 ? -Infinity : s;
    from[k + 1] = Infinity;
  }
  for (let q = 0, j = 0; q < n; q++) {
    while (from[j + 1]! < q) j++;
    const p = foot[j]!;
    out[start + q * stride] = f[p]! + w * (q - p) * (q - p);
  }
}

function* every(count: number, step: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i * step;
}
function* grid(outer: number, outerStep: number, inner: number, innerStep: number): Generator<number> {
  for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) yield o * outerStep + i * innerStep;
}
