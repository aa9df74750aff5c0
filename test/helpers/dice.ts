// Random choices of tests, the same at every run.

/** Seeded whole numbers in [0, n). */
export function dice(seed: number): (n: number) => number {
  let s = (seed * 2654435761) >>> 0;
  return (n) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return Math.floor((s / 2 ** 32) * n);
  };
}
