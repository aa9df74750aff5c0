// What the collapse watch measures at the start of an epoch: one more program, on the batch of its first step, that
// moves nothing.
import {
  type Device,
  type Pacing,
  type Program,
  type Tensor,
  add,
  div,
  grad,
  mean,
  moments,
  sqrt,
  square,
  sum,
  withoutEffects,
} from "../engine/index.ts";
import type { BatchBuffers, UnpairedBatches } from "../data/batches.ts";
import { augmentedStep } from "./augment.ts";
import type { Vitals } from "./collapse.ts";
import type { Losses, Measured, Regime } from "./regime.ts";

export class VitalsProgram {
  private constructor(readonly program: Program) {}

  /** Undefined for a regime that ties nothing. */
  static async compile(
    device: Device,
    regime: Regime,
    batches: UnpairedBatches,
    pacing: Pacing = {},
  ): Promise<VitalsProgram | undefined> {
    if (!regime.measured) return undefined;
    const measure = augmentedStep((batch) => withoutEffects(() => vitalsOf(regime.measured!(batch))));
    const options = { mode: "train", name: `${regime.kind} vitals`, ...pacing } as const;
    return new VitalsProgram(await device.compile((inputs): Losses => measure(inputs), batches.shapes, options));
  }

  async measure(batch: BatchBuffers): Promise<Vitals> {
    this.program.run({ ...batch });
    const values: Readonly<Record<string, ArrayLike<number>>> = await this.program.read();
    const numbers = Object.entries(values).map(([name, scalar]) => [name, scalar[0]] as const);
    const all = (prefix: string): number[] => numbers.flatMap(([name, v]) => (name.startsWith(prefix) ? [v!] : []));
    const { segmentation, distillation, contrast } = Object.fromEntries(numbers);
    return {
      segmentationGradient: segmentation!,
      distillationGradient: distillation!,
      studentVariance: all("student "),
      teacherVariance: all("teacher "),
      contrast: contrast!,
    };
  }

  dispose(): void {
    this.program.dispose();
  }
}

/** Scalars by name. */
function vitalsOf({ segmentation, distillation, parameters, student, teacher, pseudo, real }: Measured): Losses {
  return {
    segmentation: normOf(grad(segmentation, parameters)),
    distillation: normOf(grad(distillation, parameters)),
    contrast: div(deviation(pseudo), deviation(real)),
    ...Object.fromEntries(student.map((feature, layer) => [`student ${layer}`, varianceOf(feature)])),
    ...Object.fromEntries(teacher.map((feature, layer) => [`teacher ${layer}`, varianceOf(feature)])),
  };
}

const normOf = (gradients: readonly Tensor[]): Tensor =>
  sqrt(gradients.map((g) => sum(square(g))).reduce((a, b) => add(a, b)));

/** Variance of [N, H, W, C] over N, H and W, averaged over the channels. */
const varianceOf = (feature: Tensor): Tensor => mean(moments(feature, [0, 1, 2]).variance);

const deviation = (images: Tensor): Tensor => sqrt(moments(images, [0, 1, 2, 3]).variance);
