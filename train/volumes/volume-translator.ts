// Whole volumes in the look of the teacher's modality, by a configuration's translator: slice by slice and field by
// field, as they are segmented.
import { type IntensityRule, type Range, topOf, unscale } from "../../data/intensity.ts";
import { tilesOf } from "../../data/tiles.ts";
import type { Volume } from "../../data/volume.ts";
import { DISPOSE, type Device, type Pacing, UsageError } from "../../engine/index.ts";
import type { SliceProgress } from "../../inference/segmenter.ts";
import { SliceProgram } from "../../inference/slice-program.ts";
import { eachSlice } from "../../inference/volume.ts";
import type { TrainConfig } from "../config/config.ts";
import type { Regime } from "../regime.ts";
import { makeRegime } from "../regimes/make.ts";
import { TranslatorRegime } from "../regimes/translator-regime.ts";
import { type TrainedWeights, trainedRegime } from "./trained-regime.ts";

/** Most slices at a time. */
const BATCH = 4;

/** Throws UsageError where a configuration's regime translates nothing. */
export function requireTranslator(config: TrainConfig, name: string): void {
  translatorOf(makeRegime(config), name);
}

function translatorOf(regime: Regime, name: string): TranslatorRegime["translator"] {
  if (regime instanceof TranslatorRegime) return regime.translator;
  throw new UsageError(
    `${name}: was trained as ${regime.kind}, which translates nothing; give a run with a translator, such as cmedl`,
  );
}

/**
 * What −1 … 1 of a pseudo image stands for: the teacher's window in its own unit, or that of the standard scale; else
 * 0 … 1, the teacher's range from its lowest value to its percentile, which is another for each of its images.
 */
export function unitOf(rule: IntensityRule): Range {
  if (rule.kind === "percentile") return { low: 0, high: 1 };
  return { low: rule.low, high: topOf(rule) ?? 1 };
}

export interface TranslateVolumeOptions extends Pick<Pacing, "signal"> {
  onProgress?(progress: SliceProgress): void;
}

/** Translates volumes of the student's modality into pseudo images of the teacher's. */
export class VolumeTranslator {
  private constructor(
    readonly config: TrainConfig,
    readonly program: SliceProgram<"pseudo">,
  ) {}

  /**
   * Compiles the translator of a checkpoint or a model zip. Throws StateDictError where the weights are not the
   * configuration's, UsageError where its regime translates nothing, and as `Device.compile` does.
   */
  static async open(
    device: Device,
    config: TrainConfig,
    weights: TrainedWeights,
    pacing: Pacing = {},
  ): Promise<VolumeTranslator> {
    const translator = translatorOf(trainedRegime(config, weights), "the model");
    const options = { batch: BATCH, size: config.data.size, name: "translate", ...pacing };
    return new VolumeTranslator(
      config,
      await SliceProgram.compile(device, (x) => ({ pseudo: translator.toM(x) }), options),
    );
  }

  /**
   * The pseudo image of a volume of the student's modality in Left-Posterior-Superior order, in its own order and on
   * its own grid, in the unit of `unitOf`. Each slice is translated whole, by fields that overlap and are blended. DRIT
   * translates in the mean style of the teacher's modality. `range` is what the volume's values are scaled by. Throws
   * the reason of `signal` as soon as it aborts.
   */
  async translate(
    image: Volume,
    range: Range,
    options: TranslateVolumeOptions = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const unit = unitOf(this.config.data.teacherIntensity);
    return (await this.scaled(image, range, options)).map((v) => unscale(v, unit));
  }

  /** The same in [−1, 1], as the teacher's images are scaled to train. */
  async scaled(
    image: Volume,
    range: Range,
    { signal, onProgress }: TranslateVolumeOptions = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const { size, fieldMm } = this.config.data;
    const [nx, ny, total] = image.shape;
    const pseudo = new Float32Array(image.data.length);
    const grid = { fields: tilesOf(image, fieldMm!), size, classes: 1, slices: this.program.batch };
    const run = async (slices: Float32Array): Promise<Float32Array> =>
      (await this.program.run(slices, { signal })).pseudo;
    onProgress?.({ phase: "slices", done: 0, total });
    await eachSlice(run, image, range, grid, (z, [plane]) => {
      pseudo.set(plane!, z * nx * ny);
      onProgress?.({ phase: "slices", done: z + 1, total });
    });
    return pseudo;
  }

  dispose(): void {
    this.program.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}
