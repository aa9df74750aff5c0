// U-Net (Ronneberger et al. 2015) as Fig. 2 (a) of the paper has it: the default segmentor, student and teacher alike.
import { Module, type Tensor, concat, maxPool2d, oneOf, resize } from "../engine/index.ts";
import { Conv2d, DoubleConv } from "./blocks.ts";
import { HINT_LEVELS, type HintLevel, type Segmentation, type Segmentor, priorBias } from "./segmentor.ts";

export interface UNetOptions {
  /** Channels of the image, 1. */
  inputs?: number;
  /** Channels of the logits: 1 for one structure, else the number of classes with background. */
  outputs?: number;
  /** Channels at full resolution, 64; they double at each level but the last. */
  width?: number;
  /** Times the image is halved, 4. */
  depth?: number;
  /** Features that distillation ties, "high". */
  hints?: HintLevel;
  /** Share of each structure that the masks start at; without it one half. */
  prior?: readonly number[];
}

/**
 * At width w and depth 4; every block is twice conv 3×3, batch norm, ReLU:
 *
 *     image ─ inc w ─────────────────────────────── up4 w ─ head ─ logits     H     ← tied feature
 *             └ down1 2w ─────────────────────── up3 w ┘                      H/2   ← tied feature
 *                └ down2 4w ────────────── up2 2w ┘                           H/4
 *                   └ down3 8w ──── up1 4w ┘                                  H/8
 *                      └ down4 8w ──┘                                         H/16
 *
 * down: 2×2 max pool, then the block. up: bilinear to the skip's size with aligned corners, joined after the skip,
 * then the block. 13,394,177 parameters at width 64 with one channel in and out (paper: 13.39 M).
 */
export class UNet extends Module implements Segmentor {
  readonly inc: DoubleConv;
  readonly down: readonly DoubleConv[];
  readonly up: readonly DoubleConv[];
  readonly head: Conv2d;
  readonly hints: HintLevel;
  constructor({ inputs = 1, outputs = 1, width = 64, depth = 4, hints = "high", prior }: UNetOptions = {}) {
    super();
    this.hints = oneOf("UNet", "hints", hints, HINT_LEVELS);
    const level = Array.from({ length: depth + 1 }, (_, i) => width * 2 ** Math.min(i, depth - 1));
    this.inc = new DoubleConv(inputs, level[0]!);
    this.down = level.slice(1).map((channels, i) => new DoubleConv(level[i]!, channels));
    // Each up block halves its skip's channels, but for the last, so that both joined halves are alike.
    this.up = level
      .slice(0, -1)
      .reverse()
      .map((skip, i) => new DoubleConv(2 * skip, i === depth - 1 ? skip : skip / 2));
    this.head = new Conv2d(width, outputs, 1, priorBias(prior));
  }

  /**
   * image [N, H, W, inputs] → logits [N, H, W, outputs]; features [N, H/2, W/2, width] and [N, H, W, width], if high.
   */
  forward(image: Tensor): Segmentation {
    const skips: Tensor[] = [];
    const decoded: Tensor[] = [];
    const low = this.inc.stages(image);
    let y = low[1];
    for (const down of this.down) {
      skips.push(y);
      y = down.forward(maxPool2d(y, { kernel: 2, stride: 2 }));
    }
    const mid = [y];
    for (const up of this.up) {
      const skip = skips.pop()!;
      y = up.forward(
        concat([skip, resize(y, [skip.shape[1]!, skip.shape[2]!], { mode: "bilinear", alignCorners: true })], 3),
      );
      decoded.push(y);
    }
    return { logits: this.head.forward(y), features: { low, mid, high: decoded.slice(-2) }[this.hints] };
  }

  /**
   * Name of a path in the state dict of the reference implementation: "down.0.conv2.bias" is
   * "down1.mpconv.1.conv.3.bias".
   */
  pytorchName(path: string): string {
    return path
      .replace(/^down\.(\d)/, (_, i) => `down${Number(i) + 1}.mpconv.1`)
      .replace(/^up\.(\d)/, (_, i) => `up${Number(i) + 1}.conv`)
      .replace(/^inc/, "inc.conv")
      .replace(/^head/, "outc.conv")
      .replace(".conv1.", ".conv.0.")
      .replace(".norm1.", ".conv.1.")
      .replace(".conv2.", ".conv.3.")
      .replace(".norm2.", ".conv.4.");
  }
}
