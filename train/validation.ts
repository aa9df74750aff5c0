// What a segmentor is worth: classes from probabilities, Dice of each case and class.
import { type Overlap, addOverlap, diceOf, meanDice, overlap } from "../metrics/dice.ts";

/** Slices of validation cases: images [count, size, size] in [−1, 1], masks of class numbers, and each slice's case. */
export interface ValidationSet {
  readonly size: number;
  readonly count: number;
  readonly images: Float32Array;
  readonly masks: ArrayLike<number>;
  readonly origins: readonly { readonly id: string }[];
}

/** Volumetric Dice: its mean, of each case, and of each class where there are several. */
export interface ValidationDice {
  readonly mean: number;
  readonly cases: Readonly<Record<string, number>>;
  /** Means over the cases that have the class, in the expert's mask or in the network's; class 1 first. */
  readonly classes?: readonly number[];
}

/** Scores of a set's slices. */
export interface Validation {
  /** What training minimizes, over all slices. */
  readonly loss: number;
  readonly dice: ValidationDice;
  /** Shares of all pixels that are foreground: as predicted, and in the experts' masks. */
  readonly foreground: { readonly predicted: number; readonly expected: number };
}

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

/**
 * Volumetric Dice of each case, over all its slices at once; of several classes the mean, without those that neither
 * mask has.
 */
export function diceByCase(probability: Float32Array, { size, count, masks, origins }: ValidationSet): ValidationDice {
  const n = size * size;
  const each = probability.length / count;
  const structures = Math.max(1, each / n - 1);
  const counts = new Map<string, Overlap[]>();
  for (let s = 0; s < count; s++) {
    const predicted = classesOf(probability.subarray(s * each, (s + 1) * each), n);
    const expert = Uint8Array.from({ length: n }, (_, i) => masks[s * n + i]!);
    const here = Array.from({ length: structures }, (_, k) =>
      structures === 1
        ? overlap(predicted, expert)
        : overlap(
            predicted.map((v) => +(v === k + 1)),
            expert.map((v) => +(v === k + 1)),
          ),
    );
    const { id } = origins[s]!;
    const sofar = counts.get(id);
    counts.set(id, sofar ? sofar.map((o, k) => addOverlap(o, here[k]!)) : here);
  }
  if (structures === 1) {
    const cases = Object.fromEntries([...counts].map(([id, [o]]) => [id, diceOf(o!)]));
    return { mean: meanDice(Object.values(cases)), cases };
  }
  const dice = new Map([...counts].map(([id, overlaps]) => [id, overlaps.map((o) => diceOf(o, "undefined"))]));
  const classes = Array.from({ length: structures }, (_, k) => meanDice([...dice.values()].map((d) => d[k]!)));
  return { mean: meanDice(classes), cases: Object.fromEntries([...dice].map(([id, d]) => [id, meanDice(d)])), classes };
}

/** Scores of probabilities [count, size, size, K] of a set's slices. */
export const validate = (probability: Float32Array, set: ValidationSet): Validation => ({
  loss: lossOf(probability, set),
  dice: diceByCase(probability, set),
  foreground: foregroundOf(probability, set),
});

function foregroundOf(probability: Float32Array, { size, count, masks }: ValidationSet): Validation["foreground"] {
  const pixels = count * size * size;
  const predicted = classesOf(probability, pixels).reduce((n, k) => n + +(k > 0), 0);
  let expected = 0;
  for (let i = 0; i < pixels; i++) if (Number(masks[i]) > 0) expected++;
  return { predicted: predicted / pixels, expected: expected / pixels };
}

/**
 * For one structure 1 − (2Σpt + 1)/(Σp + Σt + 1), else the mean over slices and structures of 1 − 2Σpt/(Σp² + Σt² +
 * 10⁻⁵).
 */
function lossOf(probability: Float32Array, { size, count, masks }: ValidationSet): number {
  const n = size * size;
  const K = probability.length / (count * n);
  let loss = 0;
  let both = 0;
  let either = 0;
  for (let s = 0; s < count; s++) {
    for (let k = K === 1 ? 0 : 1; k < K; k++) {
      let pt = 0;
      let sums = 0;
      for (let i = s * n; i < (s + 1) * n; i++) {
        const p = probability[i * K + k]!;
        const t = Number(K === 1 ? masks[i]! > 0 : masks[i] === k);
        pt += p * t;
        sums += K === 1 ? p + t : p * p + t;
      }
      both += pt;
      either += sums;
      loss += 1 - (2 * pt) / (sums + 1e-5);
    }
  }
  return K === 1 ? 1 - (2 * both + 1) / (either + 1) : loss / (count * (K - 1));
}
