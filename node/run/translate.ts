// Whole volumes in the look of the teacher's modality, by a run's translator: slice by slice and field by field, as
// they are segmented.
import { type IntensityRule, unscale } from "../../data/intensity.ts";
import type { Range } from "../../data/intensity.ts";
import { tilesOf } from "../../data/tiles.ts";
import type { Volume } from "../../data/volume.ts";
import { DISPOSE, type Device } from "../../engine/index.ts";
import type { Checkpoint } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { TranslatorRegime } from "../../train/regimes/translator-regime.ts";
import { SliceProgram } from "../../inference/slice-program.ts";
import { CommandError } from "../errors.ts";
import { eachSlice } from "../../inference/volume.ts";
import { trainedRegime } from "./segment.ts";

/** Most slices at a time. */
const BATCH = 4;

/** Throws CommandError where a configuration's regime translates nothing. */
export function requireTranslator(config: TrainConfig, name: string): void {
  if (makeRegime(config) instanceof TranslatorRegime) return;
  throw new CommandError(
    "usage",
    `${name}: was trained as ${config.regime}, which translates nothing; give a run with a translator, such as cmedl`,
  );
}

/**
 * What −1 … 1 of a pseudo image stands for: the teacher's window in its own unit, or that of the standard scale; else
 * 0 … 1, the teacher's range from its lowest value to its percentile, which is another for each of its images.
 */
export function unitOf(rule: IntensityRule): Range {
  if (rule.kind === "percentile") return { low: 0, high: 1 };
  return { low: rule.low, high: rule.kind === "window" ? rule.high : (rule.high ?? rule.landmarks?.at(-1) ?? 1) };
}

export class VolumeTranslator {
  private constructor(
    readonly config: TrainConfig,
    readonly program: SliceProgram<"pseudo">,
  ) {}

  /** Compiles a checkpoint's translator. Throws StateDictError where it is not the configuration's, CommandError where there is none. */
  static async open(
    device: Device,
    config: TrainConfig,
    checkpoint: Pick<Checkpoint, "tensors">,
  ): Promise<VolumeTranslator> {
    requireTranslator(config, "the checkpoint");
    const { translator } = trainedRegime(config, checkpoint) as TranslatorRegime;
    const options = { batch: BATCH, size: config.data.size, name: "translate" };
    return new VolumeTranslator(
      config,
      await SliceProgram.compile(device, (x) => ({ pseudo: translator.toM(x) }), options),
    );
  }

  /**
   * The pseudo image of a volume of the student's modality in Left-Posterior-Superior order, in its own order and on
   * its own grid, in the unit of `unitOf`. Each slice is translated whole, by fields that overlap and are blended. DRIT
   * translates in the mean style of the teacher's modality. `range` is what the volume's values are scaled by.
   */
  async translate(image: Volume, range: Range): Promise<Float32Array<ArrayBuffer>> {
    const unit = unitOf(this.config.data.teacherIntensity);
    return (await this.scaled(image, range)).map((v) => unscale(v, unit));
  }

  /** The same in [−1, 1], as the teacher's images are scaled to train. */
  async scaled(image: Volume, range: Range): Promise<Float32Array<ArrayBuffer>> {
    const { size, fieldMm } = this.config.data;
    const [nx, ny] = image.shape;
    const pseudo = new Float32Array(image.data.length);
    const grid = { fields: tilesOf(image, fieldMm!), size, classes: 1, slices: this.program.batch };
    const run = async (slices: Float32Array): Promise<Float32Array> => (await this.program.run(slices)).pseudo;
    await eachSlice(run, image, range, grid, (z, [plane]) => pseudo.set(plane!, z * nx * ny));
    return pseudo;
  }

  dispose(): void {
    this.program.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}
