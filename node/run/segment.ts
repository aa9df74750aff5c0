// A run's best networks on whole volumes: slice by slice, each by as many fields as cover it, laid back onto the volume's
// own grid. A file's way through it: readVolume, prepareVolume, segment, maskOf, writeNifti.
import { DISPOSE, type Device } from "../../engine/index.ts";
import { type Range, rangeOf } from "../../data/intensity.ts";
import { fromLps, toLps } from "../../data/orientation.ts";
import type { Field } from "../../data/resample.ts";
import { fieldOf } from "../../data/slices.ts";
import { classesOfPlanes, slicePlanes, sliceTiles, tilesOf } from "../../data/tiles.ts";
import type { Volume } from "../../data/volume.ts";
import { inferBy } from "../../train/inference-programs.ts";
import { loadStateDict } from "../../models/pytorch.ts";
import { type Checkpoint, keptStateDict } from "../../train/checkpoint.ts";
import { type TrainConfig, outputsOf } from "../../train/config/config.ts";
import type { Regime } from "../../train/regime.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { TranslatorRegime } from "../../train/regimes/translator-regime.ts";
import { SliceProgram } from "../../train/slice-program.ts";
import { compileSegmenter } from "../../train/validation.ts";

/** Most slices at a time. */
const BATCH = 4;

export interface SegmentOptions {
  /** Probability above which a voxel belongs to the one structure. Default ½. */
  readonly threshold?: number;
  /** Whether only the field round the centre of each slice is segmented; the rest is then class 0. */
  readonly crop?: boolean;
  /**
   * Hears of each axial slice z, in order: of one structure its probability [ny, nx], of several that of each class,
   * class 0 first.
   */
  onSlice?(z: number, planes: readonly Float32Array[]): void;
}

/**
 * A volume as `segment` takes it: in Left-Posterior-Superior order, with the range that the configuration scales its
 * values by. `name` is what a DataError calls it.
 */
export function prepareVolume(
  stored: Volume,
  { data: { studentIntensity } }: TrainConfig,
  name: string,
): { image: Volume; range: Range } {
  const image = toLps(stored);
  return { image, range: rangeOf(studentIntensity, image.data, name) };
}

/** The values of a configuration's masks: 0, then that of each class. */
export const maskValues = ({ data: { labels } }: TrainConfig): readonly number[] =>
  labels === null ? [0, 1] : [0, ...labels];

/** Class numbers in Left-Posterior-Superior order as a mask in the order of `stored`, with the masks' own values. */
export function maskOf(
  classes: Uint8Array<ArrayBuffer>,
  stored: Volume,
  config: TrainConfig,
): Uint8Array<ArrayBuffer> | Int16Array<ArrayBuffer> {
  const values = maskValues(config);
  const valueOf = (k: number): number => values[k]!;
  return values.some((v) => v > 255)
    ? fromLps(Int16Array.from(classes, valueOf), stored)
    : fromLps(classes.map(valueOf), stored);
}

/** The fields of an axial slice that are segmented, each as large as those of training. */
export function fieldsOf(
  image: Pick<Volume, "shape" | "spacingMm">,
  { data: { size, fieldMm } }: TrainConfig,
  { crop = false }: SegmentOptions = {},
): readonly Field[] {
  return crop ? [fieldOf(image, { fieldMm: fieldMm!, size })] : tilesOf(image, fieldMm!);
}

/**
 * Class numbers of the voxels of a volume, in its order. `probabilitiesOf` gives those of images [count, size, size] on
 * the training grid as [count, size, size, K]; it is asked for so many `slices` at a time.
 */
export async function segmentVolume(
  probabilitiesOf: (images: Float32Array) => Promise<Float32Array>,
  image: Volume,
  range: Range,
  { config, slices, ...options }: SegmentOptions & { readonly config: TrainConfig; readonly slices: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { threshold = 0.5, onSlice } = options;
  const [nx, ny] = image.shape;
  const classes = outputsOf(config);
  const fields = fieldsOf(image, config, options);
  const mask = new Uint8Array(image.data.length);
  const grid = { fields, size: config.data.size, classes, slices };
  await eachSlice(probabilitiesOf, image, range, grid, (z, planes) => {
    onSlice?.(z, planes);
    classesOfPlanes(planes, mask, z * nx * ny, threshold);
  });
  return mask;
}

/** How slices are given to a network: by which fields of [size, size], so many slices at a time; `classes` channels come back. */
interface SliceFields {
  readonly fields: readonly Field[];
  readonly size: number;
  readonly classes: number;
  readonly slices: number;
}

/**
 * What a network makes of each axial slice of a volume, in order: a plane [ny, nx] for each of its channels, the fields
 * blended. `outputOf` gives [count, size, size, classes] of images [count, size, size] in [−1, 1].
 */
export async function eachSlice(
  outputOf: (images: Float32Array) => Promise<Float32Array>,
  image: Volume,
  range: Range,
  { fields, size, classes, slices }: SliceFields,
  onSlice: (z: number, planes: readonly Float32Array[]) => void,
): Promise<void> {
  const [, , depth] = image.shape;
  const n = fields.length * size ** 2;
  for (let first = 0; first < depth; first += slices) {
    const many = Math.min(slices, depth - first);
    const tiles = new Float32Array(many * n);
    for (let i = 0; i < many; i++) sliceTiles(image, first + i, range, { fields, size }, tiles, i * n);
    const output = await outputOf(tiles);
    for (let i = 0; i < many; i++) {
      const here = output.subarray(i * n * classes, (i + 1) * n * classes);
      onSlice(first + i, slicePlanes(here, image, { fields, size, classes }));
    }
  }
}

/**
 * A configuration's regime with a checkpoint's weights, or their moving average where they have one. Throws
 * StateDictError where they are not the configuration's.
 */
export function trainedRegime(
  config: TrainConfig,
  { tensors }: Pick<Checkpoint, "tensors">,
  statistics = config.optimization.statistics,
): Regime {
  const regime = makeRegime(config);
  inferBy(regime, statistics);
  for (const [name, network] of Object.entries(regime.networks)) {
    loadStateDict(network, keptStateDict(tensors, name));
  }
  return regime;
}

export class VolumeSegmenter {
  private constructor(
    readonly config: TrainConfig,
    readonly program: SliceProgram<"probability">,
    readonly device: Device,
    readonly regime: Regime,
  ) {}

  /** Compiles a checkpoint's networks. Throws StateDictError where they are not the configuration's. */
  static async open(
    device: Device,
    config: TrainConfig,
    checkpoint: Pick<Checkpoint, "tensors">,
    statistics = config.optimization.statistics,
  ): Promise<VolumeSegmenter> {
    const regime = trainedRegime(config, checkpoint, statistics);
    return new VolumeSegmenter(
      config,
      await compileSegmenter(device, (x) => regime.segment(x), { batch: BATCH, size: config.data.size }),
      device,
      regime,
    );
  }

  /** Pseudo images [count, size, size] of prepared slices; undefined where the regime translates nothing. */
  async translated(images: Float32Array): Promise<Float32Array | undefined> {
    const { size } = this.config.data;
    const { regime } = this;
    if (!(regime instanceof TranslatorRegime)) return undefined;
    using program = await SliceProgram.compile(this.device, (x) => ({ translated: regime.translator.toM(x) }), {
      batch: BATCH,
      size,
      name: "translate",
    });
    return (await program.run(images)).translated;
  }

  /**
   * Class numbers of the voxels of a volume in Left-Posterior-Superior order, in its own order; 0 and 1 for one
   * structure. A slice larger than the field of training is segmented by fields that overlap, and their probabilities
   * are blended. `range` is what the volume's values are scaled by.
   */
  async segment(image: Volume, range: Range, options: SegmentOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return segmentVolume((tiles) => this.probabilities(tiles), image, range, {
      ...options,
      config: this.config,
      slices: this.program.batch,
    });
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] on the training grid, in [−1, 1]. */
  async probabilities(slices: Float32Array): Promise<Float32Array> {
    return (await this.program.run(slices)).probability;
  }

  dispose(): void {
    this.program.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}
