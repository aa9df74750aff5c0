// How good a segmentor is on slices it does not train on, and what any trained one says of slices.
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

/** Of all slices: the segmentation loss, and volumetric Dice of each case on the training grid, the mean of its classes where there are several. */
export interface Validation {
  readonly loss: number;
  readonly dice: { readonly mean: number; readonly cases: Readonly<Record<string, number>>; /** Mean over the cases, class by class, where there are several. */ readonly classes?: readonly number[] };
}

/** Logits [N, H, W, K] as probabilities: of the structure for K = 1, else of each class. */
export const probabilityOf = (logits: Tensor): Tensor => (logits.shape[3] === 1 ? sigmoid(logits) : softmax(logits));

/** A program of input x [n, size, size, 1] and output probability [n, size, size, K]. */
export const compileSegmenter = (device: Device, segment: (x: Tensor) => Tensor, n: number, size: number): Promise<Program<"probability">> =>
  device.compile(({ x }) => ({ probability: probabilityOf(segment(x)) }), { x: [n, size, size, 1] }, { name: "segment" });

/** Runs such a program over any number of slices: probabilities [count, size, size, K]. */
export async function segmentSlices(program: Program<"probability">, images: Float32Array, size: number, n: number): Promise<Float32Array> {
  const pixels = size * size, count = images.length / pixels;
  let out = new Float32Array(0);
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

/** The class of each pixel: 0 or 1 by one probability, else the most probable of K. */
export function classesOf(probability: Float32Array, classes: number): Uint8Array {
  if (classes === 1) return Uint8Array.from(probability, (p) => (p > 0.5 ? 1 : 0));
  return Uint8Array.from({ length: probability.length / classes }, (_, i) => {
    let best = 0;
    for (let k = 1; k < classes; k++) if (probability[i * classes + k] > probability[i * classes + best]) best = k;
    return best;
  });
}

/** Scores of probabilities [count, size, size, K] of a set's slices. */
export function validate(probability: Float32Array, set: ValidationSet): Validation {
  const classes = probability.length / (set.count * set.size ** 2);
  return { loss: lossOf(probability, set, classes), dice: diceByCase(classesOf(probability, classes), set, Math.max(1, classes - 1)) };
}

/** Volumetric Dice of each case, over all its slices at once. predicted [count, size, size] of class numbers. */
export function diceByCase(predicted: Uint8Array, { size, count, masks, origins }: ValidationSet, structures = 1): Validation["dice"] {
  const n = size * size;
  const counts = new Map<string, Overlap[]>();
  for (let s = 0; s < count; s++) {
    const { id } = origins[s];
    const here = Array.from({ length: structures }, (_, k) => {
      const is = (v: number): 0 | 1 => ((structures === 1 ? v > 0 : v === k + 1) ? 1 : 0);
      return overlap(Uint8Array.from(predicted.subarray(s * n, (s + 1) * n), is), Uint8Array.from({ length: n }, (_, i) => is(masks[s * n + i])));
    });
    const sofar = counts.get(id);
    counts.set(id, sofar ? sofar.map((o, k) => addOverlap(o, here[k])) : here);
  }
  const each = [...counts].map(([id, o]) => [id, o.map((x) => diceOf(x))] as const);
  const cases = Object.fromEntries(each.map(([id, d]) => [id, meanDice(d)]));
  const mean = meanDice(Object.values(cases));
  return structures === 1 ? { mean, cases } : { mean, cases, classes: Array.from({ length: structures }, (_, k) => meanDice(each.map(([, d]) => d[k]))) };
}

/** What training minimizes, over all slices: for one structure 1 − (2Σpt + 1)/(Σp + Σt + 1), else the mean over slices and structures of 1 − 2Σpt/(Σp² + Σt² + 10⁻⁵). */
function lossOf(probability: Float32Array, { size, count, masks }: ValidationSet, classes: number): number {
  const n = size * size;
  let loss = 0, both = 0, total = 0;
  for (let s = 0; s < count; s++) {
    for (let k = classes === 1 ? 0 : 1; k < classes; k++) {
      let pt = 0, squares = 0;
      for (let i = s * n; i < (s + 1) * n; i++) {
        const p = probability[i * classes + k], t = classes === 1 ? Number(masks[i] > 0) : Number(masks[i] === k);
        pt += p * t;
        squares += classes === 1 ? p + t : p * p + t;
      }
      both += pt;
      total += squares;
      loss += 1 - (2 * pt) / (squares + 1e-5);
    }
  }
  return classes === 1 ? 1 - (2 * both + 1) / (total + 1) : loss / (count * (classes - 1));
}
