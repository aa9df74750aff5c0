// When CMEDL pays: rows that differ in hint and pseudo CT alone, for a student with few labelled cases. The recipe was
// found in trials in PyTorch on the same phantoms; see docs/experiments.md.
import type { PartialConfig } from "./config/config.ts";
import type { PresetName } from "./config/presets.ts";
import type { Length } from "./experiments.ts";
import type { Course } from "./schedule.ts";

export interface PaysRow {
  /** What --rows and the runs' folders call it. */
  readonly word: PaysWord;
  readonly name: string;
  readonly preset: PresetName;
  /** What it has of its own. */
  readonly fields: PartialConfig;
}

export type PaysWord = "ct" | "ct-intensity" | "hints" | "paper" | "pseudo-ct" | "pmri";

interface Term {
  readonly weight: number;
  readonly course: Course | null;
}
const none: Term = { weight: 0, course: null };
const full: Term = { weight: 1, course: null };
/** Once soft Dice has left its plateau: before, hints rule the student and nothing is segmented. */
const lateHint: Term = { weight: 1, course: [0.2, 0.5] };
/** Once pseudo CT is worth learning from. */
const latePseudoCt: Term = { weight: 1, course: [0.2, 0.2] };

const terms = (hint: Term, segPC: Term): PartialConfig => ({
  losses: {
    weights: { hint: hint.weight, segPC: segPC.weight },
    schedule: { hint: hint.course, segPC: segPC.course },
  },
});

export const PAYS_ROWS: readonly PaysRow[] = [
  { word: "ct", name: "CT only", preset: "ct-only", fields: {} },
  {
    word: "ct-intensity",
    name: "CT only, intensities augmented",
    preset: "ct-only",
    // Strong, and not chosen by any trial.
    fields: { augmentation: { intensity: { contrast: 0.4, brightness: 0.2, gamma: 0.4 } } },
  },
  { word: "hints", name: "Hints alone, late", preset: "cmedl", fields: terms(lateHint, none) },
  { word: "paper", name: "CMEDL as in the paper", preset: "cmedl", fields: terms(full, none) },
  { word: "pseudo-ct", name: "Pseudo CT without hints", preset: "cmedl", fields: terms(none, latePseudoCt) },
  { word: "pmri", name: "CMEDL+pMRI", preset: "cmedl", fields: terms(lateHint, latePseudoCt) },
];

/** The row that all others are compared with. */
export const PAYS_BASELINE: PaysWord = "ct";

/** Which row is tested against which: each against CT only, and the whole against what it must be better than. */
export const PAYS_COMPARISONS: readonly (readonly [row: PaysWord, against: PaysWord])[] = [
  ...PAYS_ROWS.flatMap(({ word }) => (word === PAYS_BASELINE ? [] : [[word, PAYS_BASELINE] as const])),
  ["pmri", "ct-intensity"],
  ["pmri", "pseudo-ct"],
  ["pmri", "hints"],
];

export interface PaysSizes {
  /** Pixels of a side. */
  readonly size: number;
  /** Width of the translators. */
  readonly generator: number;
}

/** At these sizes, and with so few labelled patients of the student's, the recipe was found. */
export const PAYS_DEFAULTS = { size: 32, generator: 8, patients: 3 } as const;

/** What all rows share. */
export const paysRecipe = ({ size, generator }: PaysSizes): PartialConfig => ({
  data: { size },
  networks: {
    // sigmoid(−3): masks start at about 5 % of the pixels.
    segmentor: { width: 8, prior: 0.0474 },
    generator: { width: generator, blocks: 2 },
    discriminator: { width: 4, layers: 2 },
    features: { width: 4 },
  },
  losses: { segmentation: "dice" },
  optimization: { batch: 4, rates: { G: 2e-3, D: 1e-3, S: 2e-3 }, patience: null },
});

/** Steps of a run where none are given. */
export const paysSteps = (size: number): number => (size <= 32 ? 500 : 1000);

/** Epochs that the steps of a run are divided into, so that learning rates fall smoothly. */
export const PAYS_EPOCHS = 20;

/**
 * A run of `steps` steps in `most` epochs: a multiple of these, or fewer. Rates fall linearly from its half. Throws
 * RangeError.
 */
export function paysLength(steps: number, most = PAYS_EPOCHS): Length & { readonly decayFrom: number } {
  const epochs = Math.min(steps, most);
  if (!Number.isInteger(steps / epochs)) throw new RangeError(`${steps} steps are no multiple of ${most}`);
  return { epochs, steps: steps / epochs, decayFrom: Math.floor(epochs / 2) };
}

/** One run: a row with so many of the student's patients, by one seed, which draws its patients too. */
export interface PaysJob {
  /** Name of its run's folder. */
  readonly id: string;
  readonly row: PaysRow;
  readonly seed: number;
  /** How many of the student's patients train. */
  readonly patients: number;
}

/** All runs, seed by seed, so that an early stop leaves whole comparisons. */
export const paysJobs = (rows: readonly PaysRow[], patients: readonly number[], seeds: number): PaysJob[] =>
  Array.from({ length: seeds }, (_, seed) => seed).flatMap((seed) =>
    patients.flatMap((k) => rows.map((row) => ({ id: `${row.word}-k${k}-seed${seed}`, row, seed, patients: k }))),
  );
