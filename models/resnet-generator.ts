// The residual generator of CycleGAN (Zhu et al. 2017): the default translator of Fig. 1 (a) of the paper.
import { Module, type Tensor, add, instanceNorm, relu, tanh } from "../engine/index.ts";
import { Conv2d, ConvTranspose2d } from "./blocks.ts";

export interface ResnetGeneratorOptions {
  inputs?: number;
  outputs?: number;
  /** Channels at full resolution, 64. */
  width?: number;
  /** Residual blocks at a quarter of the resolution, 9. */
  blocks?: number;
}

/** x + conv(relu(conv x)) with instance norms and reflected edges; no ReLU after the sum. [N, H, W, C] → same. */
export class ResidualBlock extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  constructor(channels: number) {
    super();
    this.conv1 = new Conv2d(channels, channels, 3, { pad: 1, padMode: "reflect" });
    this.conv2 = new Conv2d(channels, channels, 3, { pad: 1, padMode: "reflect" });
  }
  forward(x: Tensor): Tensor {
    const y = relu(instanceNorm(this.conv1.forward(x)));
    return add(x, instanceNorm(this.conv2.forward(y)));
  }
}

/**
 * At width w, each convolution followed by instance norm and ReLU:
 *
 *     image ─ 7×7 w ─ 3×3/2 2w ─ 3×3/2 4w ─ blocks × residual 4w ─ 3×3·2 2w ─ 3×3·2 w ─ 7×7 1 ─ tanh
 *
 * /2 halves the image, ·2 is a transposed convolution that doubles it. The 7×7 reflect the edge. 11,365,633
 * parameters at width 64 and 9 blocks; the biases before a norm have no effect and are kept for the reference's
 * files.
 */
export class ResnetGenerator extends Module {
  readonly stem: Conv2d;
  readonly down1: Conv2d;
  readonly down2: Conv2d;
  readonly blocks: readonly ResidualBlock[];
  readonly up1: ConvTranspose2d;
  readonly up2: ConvTranspose2d;
  readonly head: Conv2d;
  constructor({ inputs = 1, outputs = 1, width = 64, blocks = 9 }: ResnetGeneratorOptions = {}) {
    super();
    this.stem = new Conv2d(inputs, width, 7, { pad: 3, padMode: "reflect" });
    this.down1 = new Conv2d(width, 2 * width, 3, { stride: 2, pad: 1 });
    this.down2 = new Conv2d(2 * width, 4 * width, 3, { stride: 2, pad: 1 });
    this.blocks = Array.from({ length: blocks }, () => new ResidualBlock(4 * width));
    this.up1 = new ConvTranspose2d(4 * width, 2 * width, 3, { stride: 2, pad: 1, outputPad: 1 });
    this.up2 = new ConvTranspose2d(2 * width, width, 3, { stride: 2, pad: 1, outputPad: 1 });
    this.head = new Conv2d(width, outputs, 7, { pad: 3, padMode: "reflect" });
  }

  /**
   * image [N, H, W, inputs] in [−1, 1] → image of the other modality [N, H, W, outputs] in [−1, 1]; H and W multiples
   * of 4.
   */
  forward(image: Tensor): Tensor {
    let y = relu(instanceNorm(this.stem.forward(image)));
    y = relu(instanceNorm(this.down1.forward(y)));
    y = relu(instanceNorm(this.down2.forward(y)));
    for (const block of this.blocks) y = block.forward(y);
    y = relu(instanceNorm(this.up1.forward(y)));
    y = relu(instanceNorm(this.up2.forward(y)));
    return tanh(this.head.forward(y));
  }

  /**
   * Name of a path in CycleGAN's state dict, where the layers are numbered: "blocks.0.conv2.bias" is
   * "model.10.conv_block.5.bias".
   */
  pytorchName(path: string): string {
    const after = 10 + this.blocks.length;
    const number: Record<string, number> = { stem: 1, down1: 4, down2: 7, up1: after, up2: after + 3, head: after + 7 };
    const [part = "", ...rest] = path.split(".");
    if (part !== "blocks") return ["model", number[part], ...rest].join(".");
    const [block, conv, leaf] = rest;
    return `model.${10 + Number(block)}.conv_block.${conv === "conv1" ? 1 : 5}.${leaf}`;
  }
}
