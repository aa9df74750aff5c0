// What a training run is made of: every choice in one plain object, the paper's values by default. A run's folder and its
// checkpoints hold it whole. Where the paper is silent or differs from published code, docs/equations.md says what was chosen.
import { type IntensityRule, mrPercentile, softTissueWindow } from "../data/intensity.ts";
import type { GanLoss } from "../losses/adversarial.ts";
import type { HintNorm } from "../losses/hint.ts";
import type { HintLevel } from "../models/segmentor.ts";
import { PAPER_TAPS } from "../models/vgg.ts";

/** One word each: what is trained. */
export const REGIMES = ["ct-only", "cmedl", "vae-cmedl", "pmri-cycle", "pmri-drit", "pmri-cmedl", "ct+pmri", "weighted-ct+pmri", "mutual"] as const;
export type RegimeName = (typeof REGIMES)[number];

export const SEGMENTORS = ["unet", "dense-fcn", "mrrn"] as const;
export type SegmentorName = (typeof SEGMENTORS)[number];

/**
 * λ of each term; a term of weight 0 is not computed. The student's modality is C, the teacher's M, as in the paper's main experiment.
 * segRM, segPM and segPC are parts of seg: 1 as the paper trains, 0 for its ablations.
 */
export interface LossWeights {
  adv: number;
  cyc: number;
  cx: number;
  hint: number;
  seg: number;
  /** Teacher on real MR with its experts' masks; 0: no expert teacher, MR masks are never read. */
  segRM: number;
  /** Teacher on pseudo MR with the CT experts' masks. */
  segPM: number;
  /** Student on pseudo CT with the MR experts' masks: the paper's CMEDL+pMRI of its weak teacher. */
  segPC: number;
  /** Of CycleGAN (5 there), not in the paper. */
  identity: number;
  /** DRIT's: content adversarial, variational, latent regression, content reconstruction. */
  c: number;
  vae: number;
  lr: number;
  cc: number;
}

export interface DataConfig {
  /** Folders of images and masks: the modality that is segmented in the end, and the one that teaches. */
  student: string;
  teacher: string;
  /** JSON of training and validation cases; null: found beside the data, else by patient from the seed. */
  splits: string | null;
  /** Side of the images in pixels, and of what is cut out of a slice in mm; null: the median short side. */
  size: number;
  fieldMm: number | null;
  studentIntensity: IntensityRule;
  teacherIntensity: IntensityRule;
  /** Values of the masks that are the classes 1, 2, …; null: everything but 0 is one structure. */
  labels: readonly number[] | null;
  /** Slices without foreground, as a part of those with. */
  negatives: number;
}

export interface NetworksConfig {
  /** width null: the network's own (64, 48, 32). hints: which layers distillation ties. */
  segmentor: { kind: SegmentorName; width: number | null; hints: HintLevel };
  generator: { width: number; blocks: number };
  discriminator: { width: number; layers: number };
  /** DRIT: channels at full resolution, residual blocks on a generator's path, length of a style. */
  drit: { width: number; blocks: number; styles: number };
  /** VGG of the contextual loss. file null: random weights from the seed. */
  features: { layers: 16 | 19; file: string | null; width: number; taps: readonly string[] };
  /** ResNet18 that gives α. */
  alpha: { width: number };
}

export interface LossesConfig {
  weights: LossWeights;
  gan: GanLoss;
  /** What distillation ties: features, or outputs softened by a temperature. */
  distillation: { by: "hints" | "outputs"; norm: HintNorm; temperature: number };
  contextual: { bandWidth: number; best: "source" | "target" };
}

export interface OptimizationConfig {
  /** Learning rates of translators, discriminators, segmentors. */
  rates: { G: number; D: number; S: number };
  betas: readonly [number, number];
  amsgrad: boolean;
  weightDecay: number;
  /** Images of each modality in a step, and steps whose gradients make one update. */
  batch: number;
  accumulate: number;
  epochs: number;
  /** Steps of an epoch; null: one round of the longer set. */
  steps: number | null;
  /** Epoch from which the rates fall linearly to 0 at the end of the last; null: constant. */
  decayFrom: number | null;
  /** Largest norm of an optimizer's whole gradient; null: as it is. */
  clip: number | null;
  /** Decay of the moving average of weights that validation and prediction use; null: the weights themselves. */
  ema: number | null;
  /** "mixed": activations in half precision, losses scaled as they need. */
  precision: "f32" | "mixed";
  /** Epochs without a lower validation loss after which training stops; null: never. */
  patience: number | null;
  /** Generated images that each discriminator's history holds. */
  pool: number;
  /** Batch norm at validation and prediction: running averages, or statistics of the images at hand. */
  statistics: "running" | "batch";
}

/** Probabilities and ranges of what is drawn anew for each slice; all 0: slices as they are. */
export interface AugmentationConfig {
  /** Probability of a left-right flip. */
  flip: number;
  /** Rotation within ± this. */
  degrees: number;
  /** Scaling within 1 ± this. */
  scale: number;
  /** Elastic deformation: displacement of a random field's points in parts of the image's side, and points along a side. */
  elastic: number;
  elasticGrid: number;
}

export interface TrainConfig {
  version: 2;
  regime: RegimeName;
  seed: number;
  data: DataConfig;
  networks: NetworksConfig;
  losses: LossesConfig;
  optimization: OptimizationConfig;
  augmentation: AugmentationConfig;
  /** Steps between checkpoints within an epoch; null: at each epoch's end. */
  saveEvery: number | null;
  /** Ids of the cases as they were split; filled in when a run starts. */
  cases: { studentTrain: readonly string[]; studentVal: readonly string[]; teacherTrain: readonly string[] };
}

/** The paper's: III-C. */
export const PAPER_WEIGHTS: LossWeights = { adv: 1, cyc: 10, cx: 1, hint: 1, seg: 5, segRM: 1, segPM: 1, segPC: 0, identity: 0, c: 1, vae: 1, lr: 10, cc: 10 };

/** Every choice of the paper, but for the folders. */
export const PAPER_CONFIG: TrainConfig = {
  version: 2, regime: "cmedl", seed: 0,
  data: { student: "", teacher: "", splits: null, size: 256, fieldMm: null, studentIntensity: softTissueWindow, teacherIntensity: mrPercentile, labels: null, negatives: 0.25 },
  networks: {
    segmentor: { kind: "unet", width: null, hints: "high" },
    generator: { width: 64, blocks: 9 },
    discriminator: { width: 64, layers: 3 },
    drit: { width: 64, blocks: 4, styles: 8 },
    features: { layers: 19, file: null, width: 64, taps: PAPER_TAPS },
    alpha: { width: 64 },
  },
  losses: { weights: PAPER_WEIGHTS, gan: "least-squares", distillation: { by: "hints", norm: "mean", temperature: 0.5 }, contextual: { bandWidth: 0.5, best: "source" } },
  optimization: {
    rates: { G: 1e-4, D: 1e-4, S: 2e-4 }, betas: [0.5, 0.999], amsgrad: false, weightDecay: 0,
    batch: 2, accumulate: 1, epochs: 100, steps: null, decayFrom: null, clip: null, ema: null, precision: "f32", patience: 10, pool: 50, statistics: "running",
  },
  augmentation: { flip: 0.5, degrees: 10, scale: 0.1, elastic: 0.02, elasticGrid: 4 },
  saveEvery: null,
  cases: { studentTrain: [], studentVal: [], teacherTrain: [] },
};
