// A model on a device, and a volume through it: into Left-Posterior-Superior order, segmented, and back.
import { type CompileProgress, DISPOSE, type Device, type Pacing } from "../engine/index.ts";
import { type Range, rangeOf } from "../data/intensity.ts";
import { fromLps, toLps } from "../data/orientation.ts";
import type { Volume } from "../data/volume.ts";
import type { Label, SegmentationModel } from "./model.ts";
import type { SliceProgram } from "./slice-program.ts";
import { compileSegmenter } from "./slice-segmenter.ts";
import { type SegmentOptions, classesOfVolume } from "./volume.ts";

/** Default of the most slices at a time. */
const BATCH = 4;

/** Progress: how many of a volume's slices are done. */
export interface SliceProgress {
  readonly phase: "slices";
  readonly done: number;
  readonly total: number;
}

export interface SegmentVolumeOptions extends SegmentOptions, Pick<Pacing, "signal"> {
  onProgress?(progress: SliceProgress): void;
}

/** A mask in a volume's own order; 16 bits where a label is above 255. */
export type Mask = Uint8Array<ArrayBuffer> | Int16Array<ArrayBuffer>;

/** A model compiled for a device: segments whole volumes, or slices, one after another. */
export class Segmenter {
  private constructor(
    readonly model: SegmentationModel,
    readonly program: SliceProgram<"probability">,
  ) {}

  /** Compiles a model for at most `batch` slices at a time, 4 unless given. Throws as `Device.compile` does. */
  static async open(
    device: Device,
    model: SegmentationModel,
    { batch = BATCH, ...pacing }: Pacing & { readonly batch?: number } = {},
  ): Promise<Segmenter> {
    const { size } = model;
    return new Segmenter(model, await compileSegmenter(device, (x) => model.segment(x), { batch, size, ...pacing }));
  }

  /**
   * The mask of a volume as it is stored: 0, and the labels' values. A slice larger than the model's field is segmented
   * by fields that overlap, and their probabilities are blended. Throws DataError where the volume can't be scaled, and
   * the reason of `signal` as soon as it aborts.
   */
  async segment(stored: Volume, options: SegmentVolumeOptions = {}): Promise<Mask> {
    const { image, range } = prepareVolume(stored, this.model, stored.name);
    return maskOf(await this.classes(image, range, options), stored, this.model.labels);
  }

  /**
   * Class numbers of the voxels of a volume in Left-Posterior-Superior order, in its own order; 0 and 1 for one
   * structure. `range` is what its values are scaled by.
   */
  async classes(
    image: Volume,
    range: Range,
    { signal, onProgress, ...options }: SegmentVolumeOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const [, , total] = image.shape;
    onProgress?.({ phase: "slices", done: 0, total });
    return classesOfVolume((tiles) => this.probabilities(tiles, { signal }), image, range, this.model, {
      ...options,
      slices: this.program.batch,
      onSlice(z, planes) {
        options.onSlice?.(z, planes);
        onProgress?.({ phase: "slices", done: z + 1, total });
      },
    });
  }

  /** Probabilities [count, size, size, K] of images [count, size, size] in [−1, 1]. */
  async probabilities(images: Float32Array, options: Pick<Pacing, "signal"> = {}): Promise<Float32Array> {
    return (await this.program.run(images, options)).probability;
  }

  dispose(): void {
    this.program.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}

/**
 * The mask of one volume, in its own order: compiles the model, segments, and disposes. For several volumes keep a
 * `Segmenter`. Throws as both of its calls.
 */
export async function segmentVolume(
  device: Device,
  model: SegmentationModel,
  volume: Volume,
  {
    onProgress,
    yieldEveryMs,
    ...options
  }: Omit<SegmentVolumeOptions, "onProgress"> &
    Pick<Pacing, "yieldEveryMs"> & { onProgress?(progress: CompileProgress | SliceProgress): void } = {},
): Promise<Mask> {
  const { signal } = options;
  const segmenter = await Segmenter.open(device, model, { signal, onProgress, yieldEveryMs });
  try {
    return await segmenter.segment(volume, { ...options, onProgress });
  } finally {
    segmenter.dispose();
  }
}

/**
 * A volume as networks see it: in Left-Posterior-Superior order, with the range that its values are scaled by. `name`
 * is what a DataError calls it.
 */
export function prepareVolume(
  stored: Volume,
  { intensity }: Pick<SegmentationModel, "intensity">,
  name: string,
): { image: Volume; range: Range } {
  const image = toLps(stored);
  return { image, range: rangeOf(intensity, image.data, name) };
}

/** Class numbers in Left-Posterior-Superior order as a mask in the order of `stored`, with the labels' values. */
export function maskOf(
  classes: Uint8Array<ArrayBuffer>,
  stored: Volume,
  labels: readonly Pick<Label, "value">[],
): Mask {
  const values = [0, ...labels.map(({ value }) => value)];
  const valueOf = (k: number): number => values[k]!;
  return values.some((v) => v > 255)
    ? fromLps(Int16Array.from(classes, valueOf), stored)
    : fromLps(classes.map(valueOf), stored);
}
