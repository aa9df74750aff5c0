// What a segmentor is worth: probabilities of slices, classes from them, Dice of each case and class.
import { type Device, type Program, type Tensor, sigmoid, softmax } from "../engine/index.ts";
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
}

/** Logits [N, H, W, K] as probabilities: of the one structure for K = 1, else of each class. */
export const probabilities = (logits: Tensor): Tensor => (logits.shape[3] === 1 ? sigmoid(logits) : softmax(logits));

/** A program of input x [n, size, size, 1] and output probability [n, size, size, K]. */
export const compileSegmenter = (
  device: Device,
  segment: (x: Tensor) => Tensor,
  n: number,
  size: number,
): Promise<Program<"probability">> =>
  device.compile(
    ({ x }) => ({ probability: probabilities(segment(x)) }),
    { x: [n, size, size, 1] },
    { name: "segment" },
  );

/**
 * Runs such a program, of input x [n, size, size, 1] and output probability [n, size, size, K] over any number of
 * slices: [count, size, size, K].
 */
export async function segmentSlices(
  program: Program<"probability">,
  images: Float32Array,
  size: number,
  n: number,
): Promise<Float32Array> {
  const pixels = size * size;
  const count = images.length / pixels;
  let out = new Float32Array();
  for (let first = 0; first < count; first += n) {
    const many = Math.min(n, count - first);
    const x = new Float32Array(n * pixels).fill(-1);
    x.set(images.subarray(first * pixels, (first + many) * pixels));
    program.run({ x });
    const probability = (await program.read()).probability as Float32Array;
    const each = probability.length / n;
    if (first === 0) out = new Float32Array(count * each);
    out.set(probability.subarray(0, many * each), first * each);
  }
  return out;
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
});

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
