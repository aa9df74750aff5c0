// A configuration's networks on whole volumes. A file's way through them: readVolume, prepareVolume, segment, maskOf,
// writeNifti.
import { DISPOSE, type Device, type Pacing, type Tensor } from "../../engine/index.ts";
import type { Range } from "../../data/intensity.ts";
import type { Volume } from "../../data/volume.ts";
import type { SegmentationModel } from "../../inference/model.ts";
import {
  type Mask,
  type SegmentVolumeOptions,
  Segmenter,
  maskOf as maskWith,
  prepareVolume as prepare,
} from "../../inference/segmenter.ts";
import { SliceProgram } from "../../inference/slice-program.ts";
import { type OptimizationConfig, type TrainConfig, structureNames } from "../config/config.ts";
import type { Regime } from "../regime.ts";
import { TranslatorRegime } from "../regimes/translator-regime.ts";
import { type TrainedWeights, trainedRegime } from "./trained-regime.ts";

/** The images that a configuration's networks segment, and its structures. */
export function imagesOf(config: TrainConfig): Omit<SegmentationModel, "segment"> {
  const { size, fieldMm, studentIntensity: intensity, labels } = config.data;
  const names = structureNames(config);
  const structures = (labels ?? [1]).map((value, i) => ({ value, name: names[i]! }));
  return { size, fieldMm: fieldMm!, intensity, labels: structures };
}

/**
 * A volume as `segment` takes it: in Left-Posterior-Superior order, with the range that the configuration scales its
 * values by. `name` is what a DataError calls it.
 */
export const prepareVolume = (stored: Volume, config: TrainConfig, name: string): { image: Volume; range: Range } =>
  prepare(stored, imagesOf(config), name);

/** The value of each structure in a configuration's masks. */
export const maskValues = (config: TrainConfig): readonly number[] => imagesOf(config).labels.map(({ value }) => value);

/** Class numbers in Left-Posterior-Superior order as a mask in the order of `stored`, with the masks' own values. */
export const maskOf = (classes: Uint8Array<ArrayBuffer>, stored: Volume, config: TrainConfig): Mask =>
  maskWith(classes, stored, imagesOf(config).labels);

export interface VolumeSegmenterOptions extends Pacing {
  /** What norms infer by; as the configuration says unless given. */
  readonly statistics?: OptimizationConfig["statistics"] | undefined;
  /** Most slices at a time. */
  readonly batch?: number;
}

/** Segments volumes by a run's configuration and weights, whatever its regime. */
export class VolumeSegmenter {
  private constructor(
    readonly config: TrainConfig,
    readonly segmenter: Segmenter,
    readonly device: Device,
    readonly regime: Regime,
  ) {}

  /**
   * Compiles the networks of a checkpoint or a model zip for at most `batch` slices at a time, 4 unless given. Throws
   * StateDictError where the weights are not the configuration's, and as `Device.compile` does.
   */
  static async open(
    device: Device,
    config: TrainConfig,
    weights: TrainedWeights,
    { statistics, ...options }: VolumeSegmenterOptions = {},
  ): Promise<VolumeSegmenter> {
    const regime = trainedRegime(config, weights, statistics);
    const model = { ...imagesOf(config), segment: (x: Tensor) => regime.segment(x) };
    return new VolumeSegmenter(config, await Segmenter.open(device, model, options), device, regime);
  }

  /** Pseudo images [count, size, size] of prepared slices; undefined where the regime translates nothing. */
  async translated(images: Float32Array, pacing: Pacing = {}): Promise<Float32Array | undefined> {
    const { size } = this.config.data;
    const { regime } = this;
    if (!(regime instanceof TranslatorRegime)) return undefined;
    using program = await SliceProgram.compile(this.device, (x) => ({ translated: regime.translator.toM(x) }), {
      batch: this.segmenter.program.batch,
      size,
      name: "translate",
      ...pacing,
    });
    return (await program.run(images, pacing)).translated;
  }

  /**
   * Class numbers of the voxels of a volume in Left-Posterior-Superior order, in its own order; 0 and 1 for one
   * structure. A slice larger than the field of training is segmented by fields that overlap, and their probabilities
   * are blended. `range` is what the volume's values are scaled by. Throws the reason of `signal` as soon as it aborts.
   */
  async segment(image: Volume, range: Range, options: SegmentVolumeOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.segmenter.classes(image, range, options);
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] on the training grid, in [−1, 1]. */
  async probabilities(slices: Float32Array, options: Pick<Pacing, "signal"> = {}): Promise<Float32Array> {
    return this.segmenter.probabilities(slices, options);
  }

  dispose(): void {
    this.segmenter.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}
