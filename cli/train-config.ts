// What a training run is made of: every choice in one plain object, stored in the run's folder and in its checkpoints.
import { DataError } from "../data/errors.ts";
import type { IntensityRule } from "../data/intensity.ts";
import type { SliceGrid } from "../data/slices.ts";
import { Cmedl } from "../train/cmedl.ts";
import { UNet } from "../models/unet.ts";
import { CtOnly } from "../train/ct-only.ts";
import { CycleTranslator } from "../train/cycle-translator.ts";
import type { Regime } from "../train/regime.ts";

export const REGIMES = ["cmedl", "ct-only"] as const;
export type RegimeName = (typeof REGIMES)[number];

export interface TrainConfig {
  readonly version: 1;
  readonly regime: RegimeName;
  readonly student: string;
  readonly teacher: string;
  readonly grid: SliceGrid;
  readonly studentIntensity: IntensityRule;
  readonly teacherIntensity: IntensityRule;
  readonly label: number | "any" | null;
  /** Channels of each network at full resolution. */
  readonly width: { readonly segmentor: number; readonly generator: number; readonly discriminator: number; readonly features: number };
  /** Residual blocks of a generator; stride-2 layers of a discriminator. */
  readonly blocks: number;
  readonly layers: number;
  readonly taps: readonly string[];
  /** File of VGG19 weights; null: drawn from the seed. */
  readonly vgg: string | null;
  readonly batch: number;
  readonly epochs: number;
  /** Steps of an epoch; null: one round of the longer set. */
  readonly steps: number | null;
  readonly seed: number;
  readonly augment: boolean;
  readonly rates: { readonly G: number; readonly D: number; readonly S: number };
  readonly weights: { readonly adv: number; readonly cyc: number; readonly cx: number; readonly hint: number; readonly seg: number };
  readonly pool: number;
  readonly saveEvery: number | null;
  /** Ids of the cases, as they were split. */
  readonly cases: { readonly studentTrain: readonly string[]; readonly studentVal: readonly string[]; readonly teacherTrain: readonly string[] };
}

/** Residual blocks that go with an image size: the paper's 9 at 256, fewer where the image is small. */
export const defaultBlocks = (size: number): number => (size >= 256 ? 9 : size >= 128 ? 6 : 4);
/** Discriminator layers: the 70×70 PatchGAN's 3, or 2 where an image is hardly larger than its field. */
export const defaultLayers = (size: number): number => (size >= 64 ? 3 : 2);

/** The networks and optimizers of a run. */
export function makeRegime(c: TrainConfig): Regime {
  const segmentor = () => new UNet({ width: c.width.segmentor });
  if (c.regime === "ct-only") return new CtOnly({ seed: c.seed, segmentor, rate: c.rates.S });
  const translator = new CycleTranslator({
    image: [c.grid.size, c.grid.size], seed: c.seed, rates: c.rates, weights: c.weights, poolSize: c.pool,
    generator: { width: c.width.generator, blocks: c.blocks },
    discriminator: { width: c.width.discriminator, layers: c.layers },
    features: { width: c.width.features, taps: c.taps },
  });
  return new Cmedl({ seed: c.seed, translator, segmentor, rate: c.rates.S, weights: c.weights });
}

/** A stored configuration, checked. Throws DataError that names the field. */
export function parseConfig(value: unknown, file: string): TrainConfig {
  const fail = (field: string, problem: string): never => {
    throw new DataError(file, field, problem, "put back the file that `cmedl train` wrote");
  };
  if (typeof value !== "object" || value === null) return fail("content", "is no object");
  const c = value as Record<string, unknown>;
  if (c.version !== 1) return fail("version", `is ${JSON.stringify(c.version)}, this cmedl reads 1`);
  if (!REGIMES.includes(c.regime as RegimeName)) return fail("regime", `is ${JSON.stringify(c.regime)}, not one of ${REGIMES.join(", ")}`);
  const number = (of: unknown, field: string): void => {
    if (typeof of !== "number" || !Number.isFinite(of)) fail(field, `is ${JSON.stringify(of)}, not a number`);
  };
  const group = (field: string, keys: readonly string[]): void => {
    const g = c[field] as Record<string, unknown> | undefined;
    if (typeof g !== "object" || g === null) return void fail(field, "is missing");
    for (const k of keys) number(g[k], `${field}.${k}`);
  };
  for (const field of ["blocks", "layers", "batch", "epochs", "seed", "pool"]) number(c[field], field);
  group("grid", ["fieldMm", "size"]);
  group("width", ["segmentor", "generator", "discriminator", "features"]);
  group("rates", ["G", "D", "S"]);
  group("weights", ["adv", "cyc", "cx", "hint", "seg"]);
  for (const field of ["studentIntensity", "teacherIntensity", "cases"]) if (typeof c[field] !== "object" || c[field] === null) fail(field, "is missing");
  for (const field of ["student", "teacher"]) if (typeof c[field] !== "string") fail(field, "is no path");
  return value as TrainConfig;
}
