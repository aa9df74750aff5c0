// Values that a file stores as others.

/** value = stored · slope + intercept. */
export interface Scaling {
  readonly slope: number;
  readonly intercept: number;
}

/** The values of what is stored, as float32; what is stored itself where nothing is scaled. */
export function rescaled<T extends ArrayLike<number>>(
  stored: T,
  { slope, intercept }: Scaling,
): T | Float32Array<ArrayBuffer> {
  if (slope === 1 && intercept === 0) return stored;
  const values = new Float32Array(stored.length);
  for (let i = 0; i < values.length; i++) values[i] = stored[i]! * slope + intercept;
  return values;
}
