// What a run uses of its networks while it trains: segmentation of any number of slices, and pictures of a few.
import type { Slices } from "../data/slices.ts";
import type { Device, Pacing, Tensor } from "../engine/index.ts";
import { setInferenceStatistics } from "../models/blocks.ts";
import { SliceProgram } from "../inference/slice-program.ts";
import { compileSegmenter, probabilities } from "../inference/slice-segmenter.ts";
import type { OptimizationConfig } from "./config/config.ts";
import type { Regime } from "./regime.ts";

/** Images of a few validation slices, each [size, size]; probabilities [size, size, K] as segment gives them. */
export interface EpochPictures {
  readonly rows: readonly {
    readonly slice: number;
    readonly ct: Float32Array;
    readonly pM?: Float32Array;
    readonly rC?: Float32Array;
    /** The teacher's probabilities of pM. */
    readonly teacher?: Float32Array;
    readonly probability: Float32Array;
  }[];
}

/**
 * Makes a regime's networks infer by statistics as a configuration names them: "running" averages, or by "batch" those
 * of the images at hand, each by its own. A mask does not depend on what else is in a batch, nor on what fills it up.
 */
export function inferBy(regime: Regime, statistics: OptimizationConfig["statistics"]): void {
  setInferenceStatistics(regime, statistics === "batch" ? "image" : statistics);
}

export interface InferenceOptions {
  readonly validation?: Slices;
  /** Slices of the validation set to make pictures of after each epoch. */
  readonly pictured?: readonly number[];
  /** Most slices per inference run; fewer where the device can't hold them. Default 8. */
  readonly inferenceBatch?: number;
}

export class InferencePrograms {
  private constructor(
    readonly options: InferenceOptions,
    readonly segmenter: SliceProgram<"probability">,
    readonly pictures: SliceProgram<string> | undefined,
  ) {}

  /** For images of `size` × `size`. Where weights have a moving average, it is the average that is judged. */
  static async compile(
    device: Device,
    regime: Regime,
    size: number,
    options: InferenceOptions,
    pacing: Pacing = {},
  ): Promise<InferencePrograms> {
    const segment = (x: Tensor): Tensor => withAverages(regime, () => regime.segment(x));
    const batch = options.pictured?.length ?? 0;
    const pictures = batch
      ? await SliceProgram.compile<string>(
          device,
          (x) => {
            const { teacher, ...images } = withAverages(regime, () => regime.pictures(x));
            const taught: Record<string, Tensor> = teacher ? { teacher: probabilities(teacher) } : {};
            return { probability: probabilities(segment(x)), ...images, ...taught };
          },
          { batch, size, name: "pictures", ...pacing },
        )
      : undefined;
    try {
      const segmenter = await compileSegmenter(device, segment, {
        batch: options.inferenceBatch ?? 8,
        size,
        ...pacing,
      });
      return new InferencePrograms(options, segmenter, pictures);
    } catch (error) {
      pictures?.dispose();
      throw error;
    }
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] in [−1, 1]. */
  async segment(images: Float32Array): Promise<Float32Array> {
    return (await this.segmenter.run(images)).probability;
  }

  /** Pictures of the slices that were asked for; undefined where none were. */
  async picture(): Promise<EpochPictures | undefined> {
    const { pictured, validation } = this.options;
    if (!this.pictures || !pictured || !validation) return undefined;
    const n = validation.size ** 2;
    const x = new Float32Array(pictured.length * n);
    pictured.forEach((slice, i) => validation.copyImage(slice, x, i * n));
    const values: Readonly<Record<string, Float32Array>> = await this.pictures.run(x);
    const row = (name: string, i: number): Float32Array | undefined => {
      const all = values[name];
      const each = all ? all.length / pictured.length : 0;
      return all?.slice(i * each, (i + 1) * each);
    };
    return {
      rows: pictured.map((slice, i) => ({
        slice,
        ct: x.slice(i * n, (i + 1) * n),
        pM: row("pM", i),
        rC: row("rC", i),
        teacher: row("teacher", i),
        probability: row("probability", i)!,
      })),
    };
  }

  dispose(): void {
    this.segmenter.dispose();
    this.pictures?.dispose();
  }
}

/** What `f` gives with every optimizer's moving averages in place of its parameters. Within a trace. */
const withAverages = <T>({ optimizers }: Regime, f: () => T): T =>
  optimizers.reduceRight<() => T>((inner, o) => () => o.averaged(inner), f)();
