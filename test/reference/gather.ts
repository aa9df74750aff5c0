// Looking up by index in plain f64 loops. Shapes are [outer, n, inner] for x and [outer or 1, m, inner or 1] for the
// index.

export interface Lookup {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly m: number;
  readonly indexOuter: number;
  readonly indexInner: number;
}

/** Calls `visit` with each output's flat place and that of the x it takes; −1 where the index points outside. */
export function eachLookup(
  { outer, n, inner, m, indexOuter, indexInner }: Lookup,
  index: ArrayLike<number>,
  visit: (out: number, from: number) => void,
): void {
  for (let o = 0; o < outer; o++)
    for (let j = 0; j < m; j++)
      for (let i = 0; i < inner; i++) {
        const raw = index[((indexOuter === 1 ? 0 : o) * m + j) * indexInner + (indexInner === 1 ? 0 : i)]!;
        const at = raw < 0 ? raw + n : raw;
        visit((o * m + j) * inner + i, at >= 0 && at < n ? (o * n + at) * inner + i : -1);
      }
}

export function gather(x: ArrayLike<number>, index: ArrayLike<number>, l: Lookup): number[] {
  const y: number[] = [];
  eachLookup(l, index, (out, from) => (y[out] = from < 0 ? NaN : x[from]!));
  return y;
}

export function scatterAdd(dy: ArrayLike<number>, index: ArrayLike<number>, l: Lookup): number[] {
  const dx = new Array<number>(l.outer * l.n * l.inner).fill(0);
  eachLookup(l, index, (out, from) => {
    if (from >= 0) dx[from]! += dy[out]!;
  });
  return dx;
}
