// The paper's comparisons as plans: which rows a table has, which preset each one trains, and what the paper found.
import { SEGMENTORS, type SegmentorName, segmentorRow } from "../models/zoo.ts";
import type { TrainConfig } from "./config/config.ts";
import type { PresetName } from "./config/presets.ts";

/**
 * The paper's numbers for a row, metric by metric in the experiment's order, as it prints them; null where it gives
 * none.
 */
export type PaperNumbers = readonly (string | null)[];

export interface ExperimentRow {
  /** As the paper's table calls it. */
  readonly name: string;
  readonly preset: PresetName;
  /** The row of this preset trains the same networks: its run is evaluated, nothing is trained. */
  readonly trainedAs?: PresetName;
  /** Part of the table, where it has several besides networks. */
  readonly part?: string;
  /** The folders change places: the teacher's modality is segmented. */
  readonly swapped?: boolean;
  readonly paper?: Partial<Record<SegmentorName, PaperNumbers>>;
}

export interface Experiment {
  readonly title: string;
  /** Where the paper has it, and on what. */
  readonly source: string;
  readonly segmentors: readonly SegmentorName[];
  /** What of a run is tested. Default: the masks. */
  readonly tests?: "masks" | "translation";
  /** Metrics in the paper's order. */
  readonly metrics: readonly ("DSC" | "SDSC" | "HD95" | "KL" | "SSIM" | "PSNR")[];
  /** Names of the presets' labels, where there are several. */
  readonly structures?: readonly string[];
  /** Folders under --data: the student's and the teacher's. */
  readonly folders: readonly [student: string, teacher: string];
  readonly rows: readonly ExperimentRow[];
  /** The row that the others of its network are tested against. */
  readonly reference: string;
}

/** The segmentors as the paper's tables call them. */
export const NETWORK_NAMES = Object.fromEntries(SEGMENTORS.map((name) => [name, segmentorRow(name).title])) as Readonly<
  Record<SegmentorName, string>
>;

const ctOnly = ["0.69 ± 0.20", "0.73 ± 0.21", "13.44 ± 14.69"];
const vae = ["0.74 ± 0.17", "0.79 ± 0.20", "7.12 ± 9.28"];
const cmedl = ["0.75 ± 0.17", "0.81 ± 0.20", "6.48 ± 10.33"];
const ct = { metrics: ["DSC", "SDSC", "HD95"], folders: ["ct", "mr"], reference: "CMEDL" } as const;
const onTestSet = "609 lung tumours on CT, 177 patients";

export const EXPERIMENTS = {
  table1: {
    ...ct,
    title: "CT segmentation by three networks, with and without CMEDL",
    source: `Table I; ${onTestSet}`,
    segmentors: ["unet", "dense-fcn", "mrrn"],
    rows: [
      {
        name: "CT only",
        preset: "ct-only",
        paper: {
          unet: ctOnly,
          "dense-fcn": ["0.67 ± 0.18", "0.71 ± 0.20", "13.80 ± 14.23"],
          mrrn: ["0.73 ± 0.17", "0.78 ± 0.21", "6.75 ± 10.08"],
        },
      },
      {
        name: "VAE-CMEDL",
        preset: "vae-cmedl",
        paper: {
          unet: vae,
          "dense-fcn": ["0.73 ± 0.20", "0.78 ± 0.23", "7.25 ± 11.88"],
          mrrn: ["0.76 ± 0.13", "0.82 ± 0.16", "5.56 ± 7.18"],
        },
      },
      {
        name: "CMEDL",
        preset: "cmedl",
        paper: {
          unet: cmedl,
          "dense-fcn": ["0.74 ± 0.18", "0.79 ± 0.21", "6.57 ± 10.29"],
          mrrn: ["0.77 ± 0.13", "0.83 ± 0.16", "5.20 ± 6.86"],
        },
      },
    ],
  },
  table3: {
    ...ct,
    title: "Ways to use pseudo MR for CT segmentation",
    source: `Table III; ${onTestSet}`,
    segmentors: ["unet"],
    rows: [
      { name: "CT only", preset: "ct-only", paper: { unet: ctOnly } },
      { name: "pMRI-Cycle", preset: "pmri-cycle", paper: { unet: ["0.71 ± 0.18", "0.75 ± 0.20", "12.69 ± 13.21"] } },
      { name: "pMRI-DRIT", preset: "pmri-drit", paper: { unet: ["0.71 ± 0.17", "0.76 ± 0.22", "12.47 ± 11.25"] } },
      { name: "CT+pMRI", preset: "ct+pmri", paper: { unet: ["0.72 ± 0.17", "0.77 ± 0.22", "11.50 ± 12.69"] } },
      {
        name: "Weighted CT+pMRI",
        preset: "weighted-ct+pmri",
        paper: { unet: ["0.72 ± 0.18", "0.77 ± 0.20", "11.40 ± 12.23"] },
      },
      {
        name: "pMRI-CMEDL",
        preset: "pmri-cmedl",
        trainedAs: "cmedl",
        paper: { unet: ["0.74 ± 0.17", "0.79 ± 0.20", "8.67 ± 10.45"] },
      },
      { name: "Mutual, [13]", preset: "mutual", paper: { unet: ["0.72 ± 0.17", "0.77 ± 0.23", "12.03 ± 13.64"] } },
      { name: "VAE-CMEDL", preset: "vae-cmedl", paper: { unet: vae } },
      { name: "CMEDL", preset: "cmedl", paper: { unet: cmedl } },
    ],
  },
  table5: {
    ...ct,
    title: "How like real MR the pseudo MR images are",
    source: "Table V; KL on the lung tumours' test set, SSIM and PSNR on 11 patients with CT and MR",
    segmentors: ["unet"],
    tests: "translation",
    metrics: ["KL", "SSIM", "PSNR"],
    rows: [
      { name: "CycleGAN", preset: "pmri-cycle", paper: { unet: ["0.34", "0.60 ± 0.03", "14.05 ± 1.04"] } },
      { name: "DRIT-VAE", preset: "pmri-drit", paper: { unet: ["0.22", "0.74 ± 0.02", "17.38 ± 1.56"] } },
      { name: "VAE-CMEDL", preset: "vae-cmedl", paper: { unet: ["0.10", "0.78 ± 0.02", "19.08 ± 0.97"] } },
      { name: "CMEDL", preset: "cmedl", paper: { unet: ["0.079", "0.85 ± 0.02", "20.67 ± 0.93"] } },
    ],
  },
  table6: {
    title: "MR segmentation with CT as a weak teacher",
    source: "Table VI; T2w MR of 28 patients, three-fold cross-validation",
    segmentors: ["mrrn"],
    metrics: ["DSC", "HD95", "SDSC"],
    folders: ["mr", "ct"],
    reference: "CMEDL+pMRI",
    rows: [
      { name: "MRI only", preset: "mri-only", paper: { mrrn: ["0.81 ± 0.20", "6.24 ± 6.50", "0.83 ± 0.23"] } },
      { name: "CMEDL", preset: "weak-teacher", paper: { mrrn: ["0.81 ± 0.19", "5.87 ± 5.92", "0.84 ± 0.22"] } },
      {
        name: "CMEDL+pMRI",
        preset: "weak-teacher+pmri",
        paper: { mrrn: ["0.84 ± 0.16", "5.24 ± 5.57", "0.86 ± 0.21"] },
      },
    ],
  },
  table7: {
    title: "Four organs on T1w and T2w MR, each teaching the other",
    source: "Table VII; CHAOS, 20 patients, three-fold cross-validation; the paper's averages over organs",
    segmentors: ["mrrn"],
    metrics: ["DSC", "HD95"],
    structures: ["LV", "RK", "LK", "SP"],
    folders: ["t1", "t2"],
    reference: "CMEDL",
    rows: [
      { name: "Alone", preset: "t1-only", part: "T1w", paper: { mrrn: ["0.88", "7.58"] } },
      { name: "CMEDL", preset: "equal-teacher", part: "T1w", paper: { mrrn: ["0.90", "6.19"] } },
      { name: "Alone", preset: "t2-only", part: "T2w", swapped: true, paper: { mrrn: ["0.92", "5.79"] } },
      { name: "CMEDL", preset: "equal-teacher-t2", part: "T2w", swapped: true, paper: { mrrn: ["0.93", "5.02"] } },
    ],
  },
  table8: {
    ...ct,
    title: "What each loss of CMEDL is worth",
    source: `Table VIII; ${onTestSet}`,
    segmentors: ["unet"],
    reference: "All losses",
    rows: [
      { name: "Without Lcx", preset: "without-cx", paper: { unet: ["0.72 ± 0.19", null, null] } },
      { name: "Without Lcyc", preset: "without-cyc", paper: { unet: ["0.71 ± 0.19", null, null] } },
      { name: "Without Lseg rM", preset: "without-seg-rm", paper: { unet: ["0.71 ± 0.21", null, null] } },
      { name: "Without Lseg pM", preset: "without-seg-pm", paper: { unet: ["0.71 ± 0.19", null, null] } },
      { name: "All losses", preset: "cmedl", paper: { unet: ["0.75 ± 0.17", null, null] } },
    ],
  },
  hints: {
    ...ct,
    title: "Layers that hints tie",
    source: `IV-H; ${onTestSet}`,
    segmentors: ["unet"],
    reference: "High",
    rows: [
      { name: "Low", preset: "hints-low", paper: { unet: ["0.69 ± 0.21", null, null] } },
      { name: "Mid", preset: "hints-mid", paper: { unet: ["0.70 ± 0.20", null, null] } },
      { name: "High", preset: "hints-high", paper: { unet: ["0.75 ± 0.17", null, null] } },
    ],
  },
  distillation: {
    ...ct,
    title: "Hints against distillation of outputs",
    source: `IV-H; ${onTestSet}; T = 0.5`,
    segmentors: ["unet", "mrrn"],
    reference: "Hints",
    rows: [
      {
        name: "Outputs",
        preset: "output-distillation",
        paper: { unet: ["0.72 ± 0.18", null, null], mrrn: ["0.75 ± 0.15", null, null] },
      },
      {
        name: "Hints",
        preset: "cmedl",
        paper: { unet: ["0.75 ± 0.17", null, null], mrrn: ["0.77 ± 0.13", null, null] },
      },
    ],
  },
} as const satisfies Readonly<Record<string, Experiment>>;

export type ExperimentName = keyof typeof EXPERIMENTS;

/** One row for one network, seed and fold: what is trained once. */
export interface Job {
  /** Name of its run's folder. */
  readonly id: string;
  readonly row: ExperimentRow;
  readonly segmentor: SegmentorName;
  readonly seed: number;
  readonly fold: number | null;
  /** The job whose run it evaluates; itself unless another trains the same networks. */
  readonly run: string;
}

/**
 * All jobs of an experiment; whole tables come one after another, seed by seed, so that an early stop leaves a whole
 * one.
 */
export function jobsOf(
  experiment: Experiment,
  {
    segmentors,
    seeds,
    folds,
  }: { segmentors: readonly SegmentorName[]; seeds: readonly number[]; folds: number | null },
): Job[] {
  const foldList = folds === null ? [null] : Array.from({ length: folds }, (_, f) => f);
  return seeds.flatMap((seed) =>
    foldList.flatMap((fold) =>
      segmentors.flatMap((segmentor) =>
        experiment.rows.map((row): Job => {
          const id = (preset: PresetName): string =>
            `${preset.replace(/\+/g, "-")}-${segmentor}-seed${seed}${fold === null ? "" : `-fold${fold + 1}`}`;
          return { id: id(row.preset), row, segmentor, seed, fold, run: id(row.trainedAs ?? row.preset) };
        }),
      ),
    ),
  );
}

/** Seconds that a job was measured to need. */
export interface Cost {
  /** Before its first step: compiling and the like. */
  readonly start: number;
  readonly step: number;
  /** At an epoch's end: validation, checkpoint, pictures. */
  readonly epoch: number;
}

/** How long every job trains: the same for all. */
export interface Length {
  readonly epochs: number;
  /** Steps of an epoch. */
  readonly steps: number;
}

export const secondsOf = ({ start, step, epoch }: Cost, { epochs, steps }: Length): number =>
  start + epochs * (epoch + steps * step);

/** Epochs that a budget makes at least, so that there is a course to choose the best from. */
const FEWEST_EPOCHS = 10;

/**
 * The largest equal number of steps for all jobs that fits into `seconds` altogether: jobs whose step is slow take
 * more of the time, and none is trained shorter than another. An epoch is one round of the longer set (`round`
 * steps), or shorter where fewer than 10 of those fit; what `given` names stays. At least one step each, fit or not.
 */
export function lengthFor(
  seconds: number,
  costs: readonly Cost[],
  round: number,
  given: { epochs?: number; steps?: number } = {},
  most = 100,
): Length {
  const total = (of: keyof Cost): number => costs.reduce((s, c) => s + c[of], 0);
  const left = seconds - total("start");
  const step = total("step");
  const epoch = total("epoch");
  const epochsOf = (steps: number): number => Math.max(1, Math.floor(left / (epoch + steps * step)));
  const stepsOf = (epochs: number): number => Math.floor((left / epochs - epoch) / step);
  if (given.epochs !== undefined)
    return { epochs: given.epochs, steps: given.steps ?? Math.max(1, stepsOf(given.epochs)) };
  if (given.steps !== undefined) return { epochs: Math.min(most, epochsOf(given.steps)), steps: given.steps };
  const epochs = Math.min(most, Math.max(FEWEST_EPOCHS, epochsOf(round)));
  const steps = Math.min(round, stepsOf(epochs));
  return steps >= 1 ? { epochs, steps } : { epochs: Math.min(FEWEST_EPOCHS, epochsOf(1)), steps: 1 };
}

/** The jobs that train: one for each run. */
export const trainedJobs = <J extends Job>(jobs: readonly J[]): J[] => jobs.filter((j) => j.run === j.id);

/** What a configuration must share with another for its costs to be the other's: all but seed and cases. */
export const costKey = (config: TrainConfig): string => JSON.stringify({ ...config, seed: 0, cases: null });
