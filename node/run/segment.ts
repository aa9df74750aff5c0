// A run's best networks on whole volumes: slice by slice, each laid back onto the volume's own grid.
import type { Device, Program } from "../../engine/index.ts";
import type { Range } from "../../data/intensity.ts";
import { imageSlice, placeClasses, placePrediction } from "../../data/slices.ts";
import type { Volume } from "../../data/volume.ts";
import { setInferenceStatistics } from "../../models/blocks.ts";
import { fromStateDict } from "../../models/pytorch.ts";
import { type Checkpoint, stateDictOf } from "../../train/checkpoint.ts";
import { type TrainConfig, outputsOf } from "../../train/config/config.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { compileSegmenter, segmentSlices } from "../../train/validation.ts";

const BATCH = 4;

export class VolumeSegmenter {
  private constructor(
    readonly config: TrainConfig,
    readonly program: Program<"probability">,
  ) {}

  /** Compiles a checkpoint's networks. Throws StateDictError where they are not the configuration's. */
  static async open(
    device: Device,
    config: TrainConfig,
    { tensors }: Pick<Checkpoint, "tensors">,
    statistics = config.optimization.statistics,
  ): Promise<VolumeSegmenter> {
    const regime = makeRegime(config);
    setInferenceStatistics(regime, statistics);
    for (const [name, network] of Object.entries(regime.networks)) {
      // Where weights have a moving average, that is what was validated.
      const average = stateDictOf(tensors, `average.${name}`);
      for (const [variable, data] of fromStateDict(network, average.size > 0 ? average : stateDictOf(tensors, name)))
        variable.setInitial(data);
    }
    return new VolumeSegmenter(
      config,
      await compileSegmenter(device, (x) => regime.segment(x), BATCH, config.data.size),
    );
  }

  /** Class numbers of a volume's voxels, 0 and 1 for one structure; `range` is what its values are scaled by. */
  async segment(image: Volume, range: Range, threshold = 0.5): Promise<Uint8Array<ArrayBuffer>> {
    const { size, fieldMm } = this.config.data;
    const outputs = outputsOf(this.config);
    const grid = { fieldMm: fieldMm!, size };
    const depth = image.shape[2];
    const n = size ** 2;
    const slices = new Float32Array(depth * n);
    const mask = new Uint8Array(image.data.length);
    for (let z = 0; z < depth; z++) imageSlice(image, z, range, grid, slices, z * n);
    const probability = await segmentSlices(this.program, slices, size, BATCH);
    for (let z = 0; z < depth; z++) {
      const here = probability.subarray(z * n * outputs, (z + 1) * n * outputs);
      if (outputs === 1) placePrediction(here, image, z, grid, mask, threshold);
      else placeClasses(here, outputs, image, z, grid, mask);
    }
    return mask;
  }

  dispose(): void {
    this.program.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
