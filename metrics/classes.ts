// From probabilities to classes.

/** The class of each pixel: of probabilities [pixels], 1 above ½; of [pixels, K], the most probable. */
export function classesOf(probability: Float32Array, pixels: number): Uint8Array {
  const K = probability.length / pixels;
  if (K === 1) return Uint8Array.from(probability, (p) => (p > 0.5 ? 1 : 0));
  return Uint8Array.from({ length: pixels }, (_, i) => {
    let best = 0;
    for (let k = 1; k < K; k++) if (probability[i * K + k]! > probability[i * K + best]!) best = k;
    return best;
  });
}
