// What judges DRIT: images at several scales, and content codes, which should not tell their domain.
import { Module, type Tensor, avgPool2d, leakyRelu } from "../engine/index.ts";
import { Conv2d } from "./blocks.ts";

/** Slope of both; the reference takes its library's default. */
const SLOPE = 0.01;

export interface MultiScaleDiscriminatorOptions {
  inputs?: number;
  /** Channels of the first layer, 64. */
  width?: number;
  /** Halvings of each scale, 4. */
  layers?: number;
  scales?: number;
}

class Scale extends Module {
  readonly convs: readonly Conv2d[];
  readonly head: Conv2d;
  constructor(inputs: number, width: number, layers: number) {
    super();
    const channels = Array.from({ length: layers }, (_, i) => width * 2 ** i);
    this.convs = channels.map(
      (c, i) => new Conv2d(i === 0 ? inputs : channels[i - 1]!, c, 4, { stride: 2, pad: 1, padMode: "reflect" }),
    );
    this.head = new Conv2d(channels[layers - 1]!, 1, 1);
  }
  forward(image: Tensor): Tensor {
    return this.head.forward(this.convs.reduce((y, conv) => leakyRelu(conv.forward(y), SLOPE), image));
  }
}

/**
 * D of the paper's DRIT at width w, three times, each on the image averaged down by 2 once more:
 *
 *     image ─ 4×4/2 w ─ 4×4/2 2w ─ 4×4/2 4w ─ 4×4/2 8w ─ 1×1 1
 *
 * 8,265,027 parameters at width 64. 256 × 256 images give 16², 8² and 4² judgements, without a sigmoid.
 */
export class MultiScaleDiscriminator extends Module {
  readonly scales: readonly Scale[];
  constructor({ inputs = 1, width = 64, layers = 4, scales = 3 }: MultiScaleDiscriminatorOptions = {}) {
    super();
    this.scales = Array.from({ length: scales }, () => new Scale(inputs, width, layers));
  }

  /** image [N, H, W, inputs] → logits [N, H/16, W/16, 1], [N, H/32, W/32, 1], … */
  forward(image: Tensor): Tensor[] {
    return this.scales.map((scale, i) => {
      if (i > 0) image = avgPool2d(image, { kernel: 3, stride: 2, pad: 1, countIncludePad: false });
      return scale.forward(image);
    });
  }

  /** Name of a path in DRIT's state dict: "scales.1.convs.2.weight" is "Diss.1.2.model.1.weight". */
  pytorchName(path: string): string {
    const [, scale, part, ...rest] = path.split(".");
    return part === "head"
      ? `Diss.${scale}.${this.scales[0]!.convs.length}.${rest[0]}`
      : `Diss.${scale}.${rest[0]}.model.1.${rest[1]}`;
  }
}

/**
 * D_c of the paper: content code ─ 3 × 7×7/2 c ─ 4×4 c ─ 1×1 1. 10,683,649 parameters for codes of 256 channels.
 * Codes must be at least 53 × 53, of images of 212 × 212.
 */
export class ContentDiscriminator extends Module {
  readonly convs: readonly Conv2d[];
  readonly last: Conv2d;
  readonly head: Conv2d;
  constructor({ channels = 256, layers = 3 }: { channels?: number; layers?: number } = {}) {
    super();
    this.convs = Array.from(
      { length: layers },
      () => new Conv2d(channels, channels, 7, { stride: 2, pad: 1, padMode: "reflect" }),
    );
    this.last = new Conv2d(channels, channels, 4);
    this.head = new Conv2d(channels, 1, 1);
  }

  /**
   * code [N, H, W, channels] → logits [N, P, Q, 1]: 1 × 1 for 54 × 54 codes, 2 × 2 for 64 × 64. Throws ShapeError for
   * smaller ones.
   */
  forward(code: Tensor): Tensor {
    const y = this.convs.reduce((x, conv) => leakyRelu(conv.forward(x), SLOPE), code);
    return this.head.forward(leakyRelu(this.last.forward(y), SLOPE));
  }

  /** Name of a path in DRIT's state dict: "last.weight" is "model.3.model.1.weight". */
  pytorchName(path: string): string {
    const n = this.convs.length;
    const [part, ...rest] = path.split(".");
    if (part === "head") return `model.${n + 1}.${rest[0]}`;
    return part === "last" ? `model.${n}.model.1.${rest[0]}` : `model.${rest[0]}.model.1.${rest[1]}`;
  }
}
