// What a training run is made of: every choice in one plain object, the paper's values by default. A run's folder and
// its checkpoints hold it whole. train/config/schema.ts says what each field means and may be.
import { type Field, type Group, type ValueOf, type Variants, defaultsOf } from "./fields.ts";
import { SCHEMA } from "./schema.ts";

export { SCHEMA };
export { SEGMENTORS, type SegmentorName } from "../../models/zoo.ts";
export { REGIMES, type RegimeName } from "../regimes/registry.ts";
export { type LossWeights, PAPER_WEIGHTS } from "./weights.ts";

export type TrainConfig = ValueOf<typeof SCHEMA>;
export type OptimizationConfig = TrainConfig["optimization"];
/** Probabilities and ranges of the changes drawn for each slice; all 0: slices as they are. */
export type AugmentationConfig = TrainConfig["augmentation"];

/** Some of a configuration's fields, at any depth; lists and intensities are given whole. */
export type PartialConfig = PartialOf<typeof SCHEMA>;
type PartialOf<F> = {
  readonly [K in keyof F]?: F[K] extends Group<infer G>
    ? PartialOf<G>
    : F[K] extends Field<infer T> | Variants<infer T>
      ? T
      : never;
};

/** Every choice of the paper, but for the folders. */
export const PAPER_CONFIG: TrainConfig = defaultsOf(SCHEMA);

/** Number of structures: 1 where a mask has one, else one for each label. */
export const structuresOf = ({ data: { labels } }: TrainConfig): number => labels?.length ?? 1;
/** What the structures are called: by names, else by their labels. */
export const structureNames = ({ data: { labels, names } }: TrainConfig): readonly string[] =>
  names ?? labels?.map((label) => `label ${label}`) ?? ["structure"];
/**
 * Channels of a segmentor's logits: 1 for one structure (a sigmoid's), else one a class with the background (a
 * softmax's).
 */
export const outputsOf = (config: TrainConfig): number => (structuresOf(config) === 1 ? 1 : structuresOf(config) + 1);

/** Why slices of several structures are not flipped, for they may lie on a side; undefined where they may be. */
export function flipsLeftOut(config: TrainConfig): string | undefined {
  const {
    data: { labels, sides },
    augmentation: { flip },
  } = config;
  if (flip === 0 || structuresOf(config) === 1) return undefined;
  if (sides === null) return "does not say which labels a flip makes of each other";
  const stranger = sides.flat().find((label) => !labels?.includes(label));
  return stranger === undefined ? undefined : `names ${stranger}, which is none of data.labels`;
}

/** Pairs of class numbers, counted from 1, that a flip makes of each other. */
export const sidesOf = ({ data: { labels, sides } }: TrainConfig): [number, number][] =>
  (sides ?? []).map(([a, b]) => [1 + (labels ?? []).indexOf(a), 1 + (labels ?? []).indexOf(b)]);

/** Residual blocks that go with an image size: the paper's 9 at 256, fewer where the image is small. */
export const blocksFor = (size: number): number => (size >= 256 ? 9 : size >= 128 ? 6 : 4);
/** Discriminator layers: the 70×70 PatchGAN's 3, or 2 where an image is hardly larger than its field. */
export const layersFor = (size: number): number => (size >= 64 ? 3 : 2);
