// The 70 × 70 PatchGAN discriminator (Isola et al. 2017), which judges overlapping patches: D of Fig. 1 (a) of the
// paper.
import { Module, type Tensor, instanceNorm, leakyRelu } from "../engine/index.ts";
import { Conv2d } from "./blocks.ts";

export interface PatchDiscriminatorOptions {
  inputs?: number;
  /** Channels of the first layer, 64. */
  width?: number;
  /** Layers of stride 2, 3: a judged patch is 70 × 70 pixels then (34 × 34 for 2, 142 × 142 for 4). */
  layers?: number;
}

/**
 * At width w and 3 layers, 4×4 convolutions with leaky ReLU 0.2 between, instance norm on all but the first and last:
 *
 *     image ─ /2 w ─ /2 2w ─ /2 4w ─ 8w ─ 1
 *
 * 2,762,689 parameters at width 64. 256 × 256 images give 30 × 30 judgements, without a sigmoid: for least squares.
 */
export class PatchDiscriminator extends Module {
  readonly first: Conv2d;
  readonly middle: readonly Conv2d[];
  readonly last: Conv2d;
  constructor({ inputs = 1, width = 64, layers = 3 }: PatchDiscriminatorOptions = {}) {
    super();
    const channels = (i: number): number => width * Math.min(2 ** i, 8);
    this.first = new Conv2d(inputs, width, 4, { stride: 2, pad: 1 });
    this.middle = Array.from(
      { length: layers },
      (_, i) => new Conv2d(channels(i), channels(i + 1), 4, { stride: i === layers - 1 ? 1 : 2, pad: 1 }),
    );
    this.last = new Conv2d(channels(layers), 1, 4, { pad: 1 });
  }

  /** image [N, H, W, inputs] → judgements [N, H/8 − 2, W/8 − 2, 1] for 3 layers. */
  forward(image: Tensor): Tensor {
    let y = leakyRelu(this.first.forward(image), 0.2);
    for (const conv of this.middle) y = leakyRelu(instanceNorm(conv.forward(y)), 0.2);
    return this.last.forward(y);
  }

  /** Name of a path in CycleGAN's state dict: "middle.1.weight" is "model.5.weight". */
  pytorchName(path: string): string {
    const [part, ...rest] = path.split(".");
    if (part === "first") return ["model.0", ...rest].join(".");
    if (part === "last") return [`model.${2 + 3 * this.middle.length}`, ...rest].join(".");
    const [i, leaf] = rest;
    return `model.${2 + 3 * Number(i)}.${leaf}`;
  }
}
