// What a segmentor is worth: classes from probabilities, Dice of each case and class.
import type { Slices } from "../data/slices.ts";
import { classesOf } from "../metrics/classes.ts";
import { type Overlap, addOverlap, diceOf, meanDice, overlap } from "../metrics/dice.ts";

/** What slices are judged by: masks of class numbers [count, size, size], and each slice's case. */
export interface ValidationSet {
  readonly size: number;
  readonly count: number;
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

/** Volumetric Dice of each case and class, of probabilities [count, size, size, K] of a set's slices. */
export function diceByCase(probability: Float32Array, { size, count, masks, origins }: ValidationSet): ValidationDice {
  const n = size * size;
  const each = probability.length / count;
  const tally = new ValidationTally(size);
  for (let s = 0; s < count; s++) {
    const expert = Uint8Array.from({ length: n }, (_, i) => masks[s * n + i]!);
    tally.add(probability.subarray(s * each, (s + 1) * each), expert, origins[s]!.id);
  }
  return tally.dice;
}

/**
 * Scores of slices wherever they are kept, `many` in memory at a time. `segment` gives probabilities [many, size, size,
 * K] of images [many, size, size]. Throws where slices on disk can't be read.
 */
export async function validateSlices(
  segment: (images: Float32Array) => Promise<Float32Array>,
  slices: Slices,
  many: number,
): Promise<Validation> {
  const { size, count, origins } = slices;
  const n = size * size;
  const tally = new ValidationTally(size);
  for (let first = 0; first < count; first += many) {
    const here = Math.min(many, count - first);
    const images = new Float32Array(here * n);
    for (let i = 0; i < here; i++) slices.copyImage(first + i, images, i * n);
    const probability = await segment(images);
    const each = probability.length / here;
    const expert = new Uint8Array(n);
    for (let i = 0; i < here; i++) {
      slices.copyMask(first + i, expert);
      tally.add(probability.subarray(i * each, (i + 1) * each), expert, origins[first + i]!.id);
    }
  }
  return tally.validation;
}

/** Sums over slices, from which a validation's scores follow; slices are added in their order. */
class ValidationTally {
  /** Of each case, by structure. */
  readonly #overlaps = new Map<string, Overlap[]>();
  #slices = 0;
  #structures = 1;
  #predicted = 0;
  #expected = 0;
  #both = 0;
  #either = 0;
  /** Of several structures: the sum over slices and structures. */
  #losses = 0;
  #channels = 1;

  constructor(readonly size: number) {}

  /** Adds a slice of case `id`: probabilities [size, size, K], the expert's class numbers [size, size]. */
  add(probability: Float32Array, expert: Uint8Array, id: string): void {
    const n = this.size ** 2;
    this.#slices++;
    this.#channels = probability.length / n;
    this.#structures = Math.max(1, this.#channels - 1);
    const predicted = classesOf(probability, n);
    for (let i = 0; i < n; i++) {
      this.#predicted += +(predicted[i]! > 0);
      this.#expected += +(expert[i]! > 0);
    }
    this.#addOverlaps(predicted, expert, id);
    this.#addLoss(probability, expert);
  }

  #addOverlaps(predicted: Uint8Array, expert: Uint8Array, id: string): void {
    const here = Array.from({ length: this.#structures }, (_, k) =>
      this.#structures === 1
        ? overlap(predicted, expert)
        : overlap(
            predicted.map((v) => +(v === k + 1)),
            expert.map((v) => +(v === k + 1)),
          ),
    );
    const sofar = this.#overlaps.get(id);
    this.#overlaps.set(id, sofar ? sofar.map((o, k) => addOverlap(o, here[k]!)) : here);
  }

  #addLoss(probability: Float32Array, expert: Uint8Array): void {
    const K = this.#channels;
    for (let k = K === 1 ? 0 : 1; k < K; k++) {
      let pt = 0;
      let sums = 0;
      for (let i = 0; i < expert.length; i++) {
        const p = probability[i * K + k]!;
        const t = Number(K === 1 ? expert[i]! > 0 : expert[i] === k);
        pt += p * t;
        sums += K === 1 ? p + t : p * p + t;
      }
      this.#both += pt;
      this.#either += sums;
      this.#losses += 1 - (2 * pt) / (sums + 1e-5);
    }
  }

  get validation(): Validation {
    const pixels = this.#slices * this.size ** 2;
    const foreground = { predicted: this.#predicted / pixels, expected: this.#expected / pixels };
    return { loss: this.#loss, dice: this.dice, foreground };
  }

  /**
   * For one structure 1 − (2Σpt + 1)/(Σp + Σt + 1), else the mean over slices and structures of 1 − 2Σpt/(Σp² + Σt² +
   * 10⁻⁵).
   */
  get #loss(): number {
    if (this.#channels === 1) return 1 - (2 * this.#both + 1) / (this.#either + 1);
    return this.#losses / (this.#slices * this.#structures);
  }

  /**
   * Volumetric Dice of each case, over all its slices at once; of several classes the mean, without those that neither
   * mask has.
   */
  get dice(): ValidationDice {
    if (this.#structures === 1) {
      const cases = Object.fromEntries([...this.#overlaps].map(([id, [o]]) => [id, diceOf(o!)]));
      return { mean: meanDice(Object.values(cases)), cases };
    }
    const dice = new Map(
      [...this.#overlaps].map(([id, overlaps]) => [id, overlaps.map((o) => diceOf(o, "undefined"))]),
    );
    const classes = Array.from({ length: this.#structures }, (_, k) => meanDice([...dice.values()].map((d) => d[k]!)));
    const cases = Object.fromEntries([...dice].map(([id, d]) => [id, meanDice(d)]));
    return { mean: meanDice(classes), cases, classes };
  }
}
