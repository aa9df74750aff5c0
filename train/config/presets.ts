// One word for each row of the paper's tables: what its run has that differs from the paper's main configuration.
import type { IntensityRule } from "../../data/intensity.ts";
import { mrPercentile, softTissueWindow } from "../../data/intensity.ts";
import { REGIMES, type RegimeName, regimeRow } from "../regimes/registry.ts";
import { ConfigError, type Path, checkTogether, mergeConfig, nearest, shown } from "./check.ts";
import { PAPER_CONFIG, type PartialConfig, type TrainConfig, blocksFor, layersFor } from "./config.ts";

export interface Preset {
  /** What it is, and where the paper has it. */
  readonly says: string;
  readonly config: PartialConfig;
  /** Nothing but the paper's constants: without STARTS. */
  readonly literal?: boolean;
}

/** Histograms standardized, then clipped. */
const clipped = (high: number): IntensityRule => ({ kind: "histogram", low: 0, high, landmarks: null });
/**
 * CHAOS as the paper takes it (IV-B2): T1w and T2w standardized and clipped; liver, right kidney, left kidney, spleen.
 */
const T1W = clipped(1136);
const T2W = clipped(1814);
const ORGANS = {
  labels: [63, 126, 189, 252],
  names: ["liver", "right kidney", "left kidney", "spleen"],
  sides: [[126, 189]],
} as const;
const mrrn = { segmentor: { kind: "mrrn" } } as const;
const weakTeacher = { studentIntensity: mrPercentile, teacherIntensity: softTissueWindow };

/**
 * What every preset but `paper` has beside the paper's constants: masks start at their share of the training set, and
 * the hint once the segmentors see something. With masks that start at one half a small structure's Dice loss lies on
 * its plateau, while the hint, many times as strong, pulls the features together until nothing is left to segment by.
 */
const STARTS: PartialConfig = {
  networks: { segmentor: { prior: "data" } },
  losses: { schedule: { hint: [0.2, 0.5] } },
};

/** Every regime in the paper's main configuration. */
const ofRegimes = Object.fromEntries(
  REGIMES.map((regime) => [regime, { says: regimeRow(regime).says, config: { regime } }]),
) as Readonly<Record<RegimeName, Preset>>;

/** All presets by name: rows of the paper's tables, and `paper` and `quick`. */
export const PRESETS = {
  ...ofRegimes,
  paper: {
    says: "CMEDL with the paper's constants alone: masks start at one half, hints in the first step",
    config: { regime: "cmedl" },
    literal: true,
  },
  quick: {
    says: "CMEDL+pMRI with small networks at 64 × 64, 400 steps: minutes without a GPU, to see that all is in place",
    config: {
      regime: "cmedl",
      data: { size: 64 },
      networks: {
        segmentor: { width: 8 },
        generator: { width: 8, blocks: 2 },
        discriminator: { width: 4, layers: 2 },
        features: { width: 4 },
      },
      losses: { weights: { segPC: 1 }, schedule: { segPC: [0.2, 0.2] } },
      optimization: { batch: 4, rates: { G: 2e-3, D: 1e-3, S: 2e-3 }, epochs: 10, steps: 40, decayFrom: 5 },
    },
  },
  "mri-only": {
    says: "the segmentor alone, on MR: Table VI; the student's folder holds MR",
    config: { regime: "ct-only", data: { studentIntensity: mrPercentile }, networks: mrrn },
  },
  "weak-teacher": {
    says: "CT teaches MR by hints only: CMEDL of Table VI; the student's folder holds MR, the teacher's CT",
    config: { regime: "cmedl", data: weakTeacher, networks: mrrn },
  },
  "weak-teacher+pmri": {
    says: "and translated CT trains the student too: CMEDL+pMRI of Table VI",
    config: { regime: "cmedl", data: weakTeacher, networks: mrrn, losses: { weights: { segPC: 1 } } },
  },
  "t1-only": {
    says: "the segmentor alone, on T1w MR, four organs: Table VII",
    config: {
      regime: "ct-only",
      data: { studentIntensity: T1W, ...ORGANS },
      networks: mrrn,
    },
  },
  "t2-only": {
    says: "the segmentor alone, on T2w MR, four organs: Table VII",
    config: {
      regime: "ct-only",
      data: { studentIntensity: T2W, ...ORGANS },
      networks: mrrn,
    },
  },
  "equal-teacher": {
    says: "T2w MR teaches T1w MR, four organs: Table VII",
    config: {
      regime: "cmedl",
      data: { studentIntensity: T1W, teacherIntensity: T2W, ...ORGANS },
      networks: mrrn,
    },
  },
  "equal-teacher-t2": {
    says: "T1w MR teaches T2w MR, four organs: Table VII",
    config: {
      regime: "cmedl",
      data: { studentIntensity: T2W, teacherIntensity: T1W, ...ORGANS },
      networks: mrrn,
    },
  },
  "no-expert-teacher": {
    says: "the teacher trained on pseudo MR only: Table VIII, 3; MR needs no masks",
    config: { regime: "cmedl", losses: { weights: { segRM: 0 } } },
  },
  "without-cx": {
    says: "no contextual loss: Table VIII, 1",
    config: { regime: "cmedl", losses: { weights: { cx: 0 } } },
  },
  "without-cyc": { says: "no cycle loss: Table VIII, 2", config: { regime: "cmedl", losses: { weights: { cyc: 0 } } } },
  "without-seg-rm": {
    says: "no expert masks for the teacher: Table VIII, 3",
    config: { regime: "cmedl", losses: { weights: { segRM: 0 } } },
  },
  "without-seg-pm": {
    says: "no pseudo MR for the teacher: Table VIII, 4",
    config: { regime: "cmedl", losses: { weights: { segPM: 0 } } },
  },
  "hints-low": {
    says: "hints of the first two convolutions: IV-H",
    config: { regime: "cmedl", networks: { segmentor: { hints: "low" } } },
  },
  "hints-mid": {
    says: "hints of the bottleneck: IV-H",
    config: { regime: "cmedl", networks: { segmentor: { hints: "mid" } } },
  },
  "hints-high": {
    says: "hints of the last two stages, as CMEDL has them: IV-H",
    config: { regime: "cmedl", networks: { segmentor: { hints: "high" } } },
  },
  "output-distillation": {
    says: "soft cross entropy of outputs at T = 0.5 in place of hints: IV-H",
    config: { regime: "cmedl", losses: { distillation: { by: "outputs", temperature: 0.5 } } },
  },
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof PRESETS;

/** The preset of a name. Throws ConfigError with the nearest. */
export function presetOf(name: string): Preset {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as PresetName];
  const near = nearest(name, Object.keys(PRESETS));
  throw new ConfigError(
    ["regime"],
    `is ${shown(name)}`,
    near === undefined ? `give one of ${Object.keys(PRESETS).join(", ")}` : `did you mean ${near}?`,
  );
}

/** Fields from one place, and how that place names a mistake in them. */
export interface Layer {
  readonly value: unknown;
  locate(error: ConfigError): Error;
}

/** Names and sides are of labels: where a layer gives other labels, those that it does not give with them are gone. */
function withTheirOwn({ data: given }: PartialConfig, before: TrainConfig, after: TrainConfig): TrainConfig {
  const { labels, names, sides } = after.data;
  if (given?.labels === undefined || String(labels) === String(before.data.labels)) return after;
  const own = { names: given.names === undefined ? null : names, sides: given.sides === undefined ? null : sides };
  return { ...after, data: { ...after.data, ...own } };
}

/**
 * The configuration of a preset with `layers` laid over it in order. Blocks of translators and layers of
 * discriminators follow the size of the images where nothing gives them. Throws what the layer makes of a
 * ConfigError; of values that do not go together, the last one that gives the field.
 */
export function layeredConfig({ config: preset, literal = false }: Preset, layers: readonly Layer[]): TrainConfig {
  const start = literal ? PAPER_CONFIG : mergeConfig(STARTS, PAPER_CONFIG);
  const over = (base: TrainConfig): TrainConfig =>
    layers.reduce(
      (config, { value, locate }) => {
        try {
          return withTheirOwn(value as PartialConfig, config, mergeConfig(value, config));
        } catch (error) {
          throw error instanceof ConfigError ? locate(error) : error;
        }
      },
      mergeConfig(preset, base),
    );
  const { size } = over(start).data;
  const config = over(
    mergeConfig(
      { networks: { generator: { blocks: blocksFor(size) }, discriminator: { layers: layersFor(size) } } },
      start,
    ),
  );
  try {
    checkTogether(config);
  } catch (error) {
    const from = error instanceof ConfigError ? layers.findLast(({ value }) => gives(value, error.path)) : undefined;
    throw from ? from.locate(error as ConfigError) : error;
  }
  return config;
}

/** The same of plain objects. Throws ConfigError. */
export const presetConfig = (name: string, ...overrides: readonly unknown[]): TrainConfig =>
  layeredConfig(
    presetOf(name),
    overrides.map((value) => ({ value, locate: (error) => error })),
  );

function gives(value: unknown, [name, ...rest]: Path): boolean {
  if (name === undefined || typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return false;
  return rest.length === 0 || gives((value as Record<string, unknown>)[name], rest);
}
