// Random numbers without state for what the CPU draws: each is a hash of a key and a counter, so order, workers and
// resumes never matter. Mixer: the finalizer of MurmurHash3 (Appleby, public domain), applied to Weyl-spaced words.

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A u32 key for names and counters; every different path gives an independent stream. */
export function keyOf(...path: readonly (string | number)[]): number {
  let h = 0x243f6a88;
  for (const part of path) {
    if (typeof part === "number") {
      h = mix(Math.imul(h, 0x9e3779b1) ^ mix(part >>> 0)) ^ mix(Math.floor(part / 2 ** 32) >>> 0);
    } else {
      for (let i = 0; i < part.length; i++) h = mix(Math.imul(h, 0x9e3779b1) ^ (part.charCodeAt(i) + 0x10000));
    }
    h = mix(h + 0x7f4a7c15);
  }
  return h >>> 0;
}

/** The n-th number of stream `key`, uniform in [0, 1). */
export const uniform = (key: number, n: number): number =>
  mix(mix(key + Math.imul(n + 1, 0x9e3779b9)) ^ Math.imul(n, 0x85ebca77)) / 2 ** 32;

/** The n-th number of stream `key`, standard normal (Box–Muller). */
export const normal = (key: number, n: number): number =>
  Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * n))) * Math.cos(2 * Math.PI * uniform(key, 2 * n + 1));

/** 0 … n−1 in the order that `key` gives (Fisher–Yates). */
export function permutation(n: number, key: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniform(key, i) * (i + 1));
    const last = order[i]!;
    order[i] = order[j]!;
    order[j] = last;
  }
  return order;
}
