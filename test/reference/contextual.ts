// Contextual similarity by plain f64 loops, a row of the matrix at a time, and its gradient by the chain rule as it
// stands.

export interface Contextual {
  n: number;
  m: number;
  c: number;
  bandWidth: number;
  best: "source" | "target";
  bias: number;
  scale: number;
  least: number;
}

/**
 * One image: largest similarities, and the gradient of Σ dc · largest, where dc may depend on them. x [n, c], y [m,
 * c].
 */
export function contextual(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  a: Contextual,
  dcOf: (largest: Float64Array) => ArrayLike<number>,
) {
  const { n, m, c, bandWidth: h, best } = a;
  const xs = Float64Array.from(x);
  const ys = Float64Array.from(y);
  const d = new Float64Array(m);
  const cx = new Float64Array(m);
  const clamped = new Uint8Array(m);
  let nearest = 0;
  /** Fills d and cx with row i. */
  const row = (i: number): void => {
    const { bias, scale, least } = a;
    let low = Infinity;
    let at = 0;
    for (let j = 0; j < m; j++) {
      let dot = 0;
      for (let k = 0, p = i * c, q = j * c; k < c; k++) dot += xs[p + k]! * ys[q + k]!;
      const free = bias - scale * dot;
      const v = Math.max(free, least);
      clamped[j] = free < least ? 1 : 0;
      d[j] = v;
      if (v < low) {
        low = v;
        at = j;
      }
    }
    nearest = at;
    const steep = 1 / (low + 1e-5) / h;
    const top = low * steep;
    let sum = 0;
    for (let j = 0; j < m; j++) {
      const z = top - d[j]! * steep;
      // What is less is lost in the sum of any matrix that is tried here.
      sum += cx[j] = z < -40 ? 0 : Math.exp(z);
    }
    for (let j = 0; j < m; j++) cx[j]! /= sum;
  };
  const source = best === "source";
  const largest = new Float64Array(source ? m : n).fill(-1);
  const chosen = new Int32Array(largest.length);
  for (let i = 0; i < n; i++) {
    row(i);
    for (let j = 0; j < m; j++) {
      const to = source ? j : i;
      if (cx[j]! > largest[to]!) {
        largest[to] = cx[j]!;
        chosen[to] = source ? i : j;
      }
    }
  }
  const dc = dcOf(largest);
  const dx = new Float64Array(n * c);
  const dy = new Float64Array(m * c);
  const dcx = new Float64Array(m);
  // The columns that chose each row, or the one that it chose; a row without any has no gradient.
  const columns = Array.from({ length: n }, (_, i): number[] => (source ? [] : [chosen[i]!]));
  if (source) chosen.forEach((i, j) => columns[i]!.push(j));
  for (let i = 0; i < n; i++) {
    if (columns[i]!.length === 0) continue;
    row(i);
    dcx.fill(0);
    let mean = 0;
    for (const j of columns[i]!) {
      dcx[j] = dc[source ? j : i]!;
      mean += dcx[j]! * cx[j]!;
    }
    // z = (1 − d/(min + ε))/h: through the softmax, then through both places of d.
    const least = d[nearest]! + 1e-5;
    let dLeast = 0;
    const dd = dcx;
    for (let j = 0; j < m; j++) {
      if (cx[j] === 0) {
        dd[j] = 0;
        continue;
      }
      const dz = cx[j]! * (dcx[j]! - mean);
      dd[j] = -dz / (h * least);
      dLeast += (dz * d[j]!) / (h * least * least);
    }
    dd[nearest]! += dLeast;
    for (let j = 0; j < m; j++) {
      const ddot = clamped[j] ? 0 : -a.scale * dd[j]!;
      if (ddot === 0) continue;
      for (let k = 0, p = i * c, q = j * c; k < c; k++) {
        dx[p + k]! += ddot * ys[q + k]!;
        dy[q + k]! += ddot * xs[p + k]!;
      }
    }
  }
  return { largest, chosen, dx, dy };
}
