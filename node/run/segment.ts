// A run's best networks on whole volumes: slice by slice, each laid back onto the volume's own grid. A file's way
// through it: readVolume, prepareVolume, segment, maskOf, writeNifti.
import type { Device, Program } from "../../engine/index.ts";
import { type Range, rangeOf } from "../../data/intensity.ts";
import { fromLps, toLps } from "../../data/orientation.ts";
import { imageSlice, placeClasses, placePrediction } from "../../data/slices.ts";
import type { Volume } from "../../data/volume.ts";
import { inferBy } from "../../train/inference-programs.ts";
import { fromStateDict } from "../../models/pytorch.ts";
import { type Checkpoint, stateDictOf } from "../../train/checkpoint.ts";
import { type TrainConfig, outputsOf } from "../../train/config/config.ts";
import type { Regime } from "../../train/regime.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { TranslatorRegime } from "../../train/regimes/translator-regime.ts";
import { compileSegmenter, segmentSlices } from "../../train/validation.ts";

const BATCH = 4;

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

export class VolumeSegmenter {
  private constructor(
    readonly config: TrainConfig,
    readonly program: Program<"probability">,
    readonly device: Device,
    readonly regime: Regime,
  ) {}

  /** Compiles a checkpoint's networks. Throws StateDictError where they are not the configuration's. */
  static async open(
    device: Device,
    config: TrainConfig,
    { tensors }: Pick<Checkpoint, "tensors">,
    statistics = config.optimization.statistics,
  ): Promise<VolumeSegmenter> {
    const regime = makeRegime(config);
    inferBy(regime, statistics);
    for (const [name, network] of Object.entries(regime.networks)) {
      // Where weights have a moving average, that is what was validated.
      const average = stateDictOf(tensors, `average.${name}`);
      for (const [variable, data] of fromStateDict(network, average.size > 0 ? average : stateDictOf(tensors, name)))
        variable.setInitial(data);
    }
    return new VolumeSegmenter(
      config,
      await compileSegmenter(device, (x) => regime.segment(x), BATCH, config.data.size),
      device,
      regime,
    );
  }

  /** Pseudo images [count, size, size] of prepared slices; undefined where the regime translates nothing. */
  async translated(images: Float32Array): Promise<Float32Array | undefined> {
    const { size } = this.config.data;
    const { regime } = this;
    if (!(regime instanceof TranslatorRegime)) return undefined;
    using program = await this.device.compile(
      ({ x }) => ({ probability: regime.translator.toM(x!) }),
      { x: [BATCH, size, size, 1] },
      { name: "translate" },
    );
    return await segmentSlices(program, images, size, BATCH);
  }

  /**
   * Class numbers of the voxels of a volume in Left-Posterior-Superior order, in its own order; 0 and 1 for one
   * structure, told apart by `threshold`. `range` is what the volume's values are scaled by.
   */
  async segment(image: Volume, range: Range, threshold = 0.5): Promise<Uint8Array<ArrayBuffer>> {
    const { size, fieldMm } = this.config.data;
    const outputs = outputsOf(this.config);
    const grid = { fieldMm: fieldMm!, size };
    const depth = image.shape[2];
    const n = size ** 2;
    const slices = new Float32Array(depth * n);
    const mask = new Uint8Array(image.data.length);
    for (let z = 0; z < depth; z++) imageSlice(image, z, range, grid, slices, z * n);
    const probability = await this.probabilities(slices);
    for (let z = 0; z < depth; z++) {
      const here = probability.subarray(z * n * outputs, (z + 1) * n * outputs);
      if (outputs === 1) placePrediction(here, image, z, grid, mask, threshold);
      else placeClasses(here, outputs, image, z, grid, mask);
    }
    return mask;
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] on the training grid, in [−1, 1]. */
  probabilities(slices: Float32Array): Promise<Float32Array> {
    return segmentSlices(this.program, slices, this.config.data.size, BATCH);
  }

  dispose(): void {
    this.program.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
