// The convolution networks of the Inference Arena (kvark/inferena), at its sizes: what others publish for WebGPU and
// PyTorch. bench/torch/arena.py has them with parameters in the same order.
import {
  Module,
  Parameter,
  type Tensor,
  add,
  concat,
  constantInit,
  groupNorm,
  maxPool2d,
  mean,
  normalInit,
  relu,
  resize,
  silu,
} from "../../engine/index.ts";
import { BatchNorm2d, Conv2d, Linear } from "../../models/blocks.ts";
import type { Case } from "./case.ts";
import { inferenceCase } from "./network-cases.ts";

/** Without a bias, He-normal, so that every branch counts in the result. */
const conv = (inputs: number, outputs: number, kernel: number, stride = 1): Conv2d =>
  new Conv2d(inputs, outputs, kernel, {
    stride,
    pad: (kernel - 1) / 2,
    bias: false,
    init: (fanIn) => normalInit(Math.sqrt(2 / fanIn)),
  });

class GroupNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(
    channels: number,
    readonly groups: number,
  ) {
    super();
    this.weight = new Parameter([channels], normalInit(0.02, 1));
    this.bias = new Parameter([channels], constantInit(0));
  }
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, { weight: this.weight.value, bias: this.bias.value });
  }
}

/** x + conv(silu(norm(conv(silu(norm x))))); where channels change, x passes a 1×1 convolution. */
class ResidualUnit extends Module {
  readonly norm1: GroupNorm;
  readonly conv1: Conv2d;
  readonly norm2: GroupNorm;
  readonly conv2: Conv2d;
  readonly shortcut?: Conv2d;
  constructor(inputs: number, outputs: number, groups: number) {
    super();
    this.norm1 = new GroupNorm(inputs, groups);
    this.conv1 = conv(inputs, outputs, 3);
    this.norm2 = new GroupNorm(outputs, groups);
    this.conv2 = conv(outputs, outputs, 3);
    if (inputs !== outputs) this.shortcut = conv(inputs, outputs, 1);
  }
  forward(x: Tensor): Tensor {
    const y = this.conv1.forward(silu(this.norm1.forward(x)));
    return add(this.conv2.forward(silu(this.norm2.forward(y))), this.shortcut?.forward(x) ?? x);
  }
}

/**
 * The arena's "simplified U-Net" of Stable Diffusion, as its page describes it: convolutions, group norms of 16 groups
 * and SiLU, without attention and without a time embedding. A unit a level, channels 64, 128, 256; strided 3×3 down,
 * nearest up, the skip joined behind:
 *
 *     latent ─ first 64 ─ unit 64 ───────────────────────────── unit 64 ─ norm ─ silu ─ last 4     H
 *                          └ /2 ─ unit 128 ─────────── unit 128 ┘                                  H/2
 *                                  └ /2 ─ unit 256 ─ middle ─ unit 256 ┘                           H/4
 *
 * 5,294,080 parameters; the page calls it "~2M", yet sizes and structure are these.
 */
export class SdUNet extends Module {
  readonly first: Conv2d;
  readonly encoder: readonly ResidualUnit[];
  readonly down: readonly Conv2d[];
  readonly middle: ResidualUnit;
  readonly decoder: readonly ResidualUnit[];
  readonly norm: GroupNorm;
  readonly last: Conv2d;
  constructor() {
    super();
    const [channels, groups] = [4, 16];
    const levels = [64, 128, 256];
    const [width, deepest] = [levels[0]!, levels.at(-1)!];
    this.first = conv(channels, width, 3);
    this.encoder = levels.map((c, i) => new ResidualUnit(levels[i - 1] ?? width, c, groups));
    this.down = levels.slice(0, -1).map((c) => conv(c, c, 3, 2));
    this.middle = new ResidualUnit(deepest, deepest, groups);
    this.decoder = levels.map((c, i) => new ResidualUnit((levels[i + 1] ?? deepest) + c, c, groups)).reverse();
    this.norm = new GroupNorm(width, groups);
    this.last = conv(width, channels, 3);
  }

  /** Noisy latent [N, H, W, 4], H and W multiples of 4 → its noise, of the same shape. */
  forward(latent: Tensor): Tensor {
    const skips: Tensor[] = [];
    let y = this.first.forward(latent);
    this.encoder.forEach((unit, i) => {
      y = unit.forward(y);
      skips.push(y);
      y = this.down[i]?.forward(y) ?? y;
    });
    y = this.middle.forward(y);
    this.decoder.forEach((unit, i) => {
      const up = i === 0 ? y : resize(y, [2 * y.shape[1]!, 2 * y.shape[2]!], { mode: "nearest" });
      y = unit.forward(concat([up, skips.pop()!], 3));
    });
    return this.last.forward(silu(this.norm.forward(y)));
  }
}

/** x + conv1×1(relu(conv3×3(relu(conv1×1 x)))), then ReLU; a batch norm behind each; the 3×3 strides. */
class Bottleneck extends Module {
  readonly conv1: Conv2d;
  readonly norm1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly norm3: BatchNorm2d;
  readonly shortcut?: Conv2d;
  readonly shortcutNorm?: BatchNorm2d;
  constructor(inputs: number, middle: number, outputs: number, stride: number) {
    super();
    this.conv1 = conv(inputs, middle, 1);
    this.norm1 = new BatchNorm2d(middle);
    this.conv2 = conv(middle, middle, 3, stride);
    this.norm2 = new BatchNorm2d(middle);
    this.conv3 = conv(middle, outputs, 1);
    this.norm3 = new BatchNorm2d(outputs);
    if (stride === 1 && inputs === outputs) return;
    this.shortcut = conv(inputs, outputs, 1, stride);
    this.shortcutNorm = new BatchNorm2d(outputs);
  }
  forward(x: Tensor): Tensor {
    let y = relu(this.norm1.forward(this.conv1.forward(x)));
    y = relu(this.norm2.forward(this.conv2.forward(y)));
    y = this.norm3.forward(this.conv3.forward(y));
    return relu(add(y, this.shortcut ? this.shortcutNorm!.forward(this.shortcut.forward(x)) : x));
  }
}

/**
 * ResNet-50 (He et al. 2016, Table 1) with the stride in the 3×3, as torchvision has it:
 *
 *     image ─ 7×7/2 64 ─ 3×3 max pool/2 ─ 3 × 256 ─ /2 4 × 512 ─ /2 6 × 1024 ─ /2 3 × 2048 ─ mean ─ 1000
 *
 * 25,557,032 parameters.
 */
export class ResNet50 extends Module {
  readonly stem: Conv2d;
  readonly norm: BatchNorm2d;
  readonly stages: readonly Bottleneck[];
  readonly head: Linear;
  constructor() {
    super();
    this.stem = conv(3, 64, 7, 2);
    this.norm = new BatchNorm2d(64);
    let inputs = 64;
    this.stages = [3, 4, 6, 3].flatMap((count, stage) =>
      Array.from({ length: count }, (_, i) => {
        const middle = 64 * 2 ** stage;
        const block = new Bottleneck(inputs, middle, 4 * middle, stage > 0 && i === 0 ? 2 : 1);
        inputs = 4 * middle;
        return block;
      }),
    );
    this.head = new Linear(inputs, 1000);
  }

  /** images [N, H, W, 3] → logits [N, 1000]. */
  forward(images: Tensor): Tensor {
    let y = relu(this.norm.forward(this.stem.forward(images)));
    y = maxPool2d(y, { kernel: 3, stride: 2, pad: 1 });
    for (const block of this.stages) y = block.forward(y);
    return this.head.forward(mean(y, [1, 2]));
  }
}

const named = (network: "sd-unet" | "resnet-50", size: number, channels: number, batch: number) => ({
  name: `${network} inference @${size}×${size}×${channels} ×${batch}`,
  quick: false,
  shape: [batch, size, size, channels] as const,
  torch: { network, pass: "inference", size, channels, batch },
});

/** Inference of both, at the arena's sizes whatever the adapter is. */
export const arenaCases = (): Case[] => [
  inferenceCase({
    ...named("sd-unet", 32, 4, 2),
    make: () => new SdUNet(),
    forward: (network, latent) => (network as SdUNet).forward(latent),
  }),
  inferenceCase({
    ...named("resnet-50", 224, 3, 4),
    make: () => new ResNet50(),
    forward: (network, images) => (network as ResNet50).forward(images),
  }),
];
