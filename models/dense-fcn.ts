// DenseFCN (FC-DenseNet57, Jégou et al. 2017) as Fig. 2 (b) of the paper has it: few parameters, features joined and
// never summed.
import { Module, RandomStream, type Tensor, concat, maxPool2d, oneOf, relu, slice } from "../engine/index.ts";
import { BatchNorm2d, Conv2d, ConvTranspose2d } from "./blocks.ts";
import { Dropout2d } from "./dropout.ts";
import { HINT_LEVELS, type HintLevel, type Segmentation, type Segmentor, priorBias } from "./segmentor.ts";

export interface DenseFcnOptions {
  /** Channels of the image, 1. */
  inputs?: number;
  /** Channels of the logits, 1. */
  outputs?: number;
  /** Channels of the first convolution, 48. */
  width?: number;
  /** Channels that each dense layer adds, 12. */
  growth?: number;
  /** Dense layers of a block, 4; the reference's builder has 5 in the encoder. */
  layers?: number | { encoder: number; bottleneck: number; decoder: number };
  /** Times the image is halved, 5. */
  depth?: number;
  /** Share of channels dropped after each convolution in training, 0.2. */
  dropout?: number;
  /** Features that distillation ties, "high". */
  hints?: HintLevel;
  /** Share of each structure that the masks start at; without it one half. */
  prior?: readonly number[];
}

/** Batch norm, ReLU, conv, Dropout2d. [N, H, W, C] → [N, H, W, K]. */
class NormConv extends Module {
  readonly norm: BatchNorm2d;
  readonly conv: Conv2d;
  readonly drop: Dropout2d;
  constructor(inputs: number, outputs: number, kernel: number, dropout: number, random: RandomStream) {
    super();
    this.norm = new BatchNorm2d(inputs);
    this.conv = new Conv2d(inputs, outputs, kernel, { pad: (kernel - 1) / 2 });
    this.drop = new Dropout2d(dropout, random);
  }
  forward(x: Tensor): Tensor {
    return this.drop.forward(this.conv.forward(relu(this.norm.forward(x))));
  }
}

/** Layers of which each sees the block's input and all that came before. */
class DenseBlock extends Module {
  readonly layers: readonly NormConv[];
  constructor(inputs: number, growth: number, layers: number, dropout: number, random: RandomStream) {
    super();
    this.layers = Array.from(
      { length: layers },
      (_, i) => new NormConv(inputs + i * growth, growth, 3, dropout, random),
    );
  }
  /** x [N, H, W, C] → the new features [N, H, W, layers·growth], these behind x, and what the last layer saw. */
  forward(x: Tensor): { added: readonly Tensor[]; all: Tensor; last: Tensor } {
    const added: Tensor[] = [];
    let all = x;
    let last = x;
    for (const layer of this.layers) {
      last = all;
      added.push(layer.forward(all));
      all = concat([x, ...added], 3);
    }
    return { added, all, last };
  }
}

/**
 * At 48 channels, growth 12 and 4 layers a block, channels behind each stage; ⊕ joins, with what came up first:
 *
 *     image ─ first 48 ─ block 96 ────────────────────────────────────── ⊕ ─ block 192 ─ head ─ logits  H   ← tied: 192
 *                         └ down ─ block 144 ──────────────────── ⊕ ─ block 48 ─ up ┘                  H/2  ← tied: 228
 *                                   └ down ─ 192 ────────── ⊕ ─ block 48 ─ up ┘                        H/4
 *                                             └ down ─ 240 … ┘                                         H/8
 *                                                 └ down ─ 288 …                                       H/16
 *                                                      └ down ─ bottleneck 48 ─ up                     H/32
 *
 * down: batch norm, ReLU, conv 1×1, Dropout2d, 2×2 max pool. up: transposed conv 3×3 by 2, cropped to the skip. Only
 * the encoder's blocks and the last keep their input; the rest hand on what they added. The tied 228 channels are
 * what the last layer of the block at H/2 sees. 1,374,001 parameters with one channel in and out (paper: 1.37 M).
 */
export class DenseFcn extends Module implements Segmentor {
  readonly first: Conv2d;
  readonly encoder: readonly DenseBlock[];
  readonly down: readonly NormConv[];
  readonly bottleneck: DenseBlock;
  readonly up: readonly ConvTranspose2d[];
  readonly decoder: readonly DenseBlock[];
  readonly head: Conv2d;
  readonly random = new RandomStream();
  readonly hints: HintLevel;
  constructor({
    inputs = 1,
    outputs = 1,
    width = 48,
    growth = 12,
    layers = 4,
    depth = 5,
    dropout = 0.2,
    hints = "high",
    prior,
  }: DenseFcnOptions = {}) {
    super();
    this.hints = oneOf("DenseFcn", "hints", hints, HINT_LEVELS);
    const count = typeof layers === "number" ? { encoder: layers, bottleneck: layers, decoder: layers } : layers;
    const { random } = this;
    const block = (channels: number, n: number): DenseBlock => new DenseBlock(channels, growth, n, dropout, random);
    const skips = Array.from({ length: depth }, (_, i) => width + (i + 1) * count.encoder * growth);
    this.first = new Conv2d(inputs, width, 3, { pad: 1 });
    this.encoder = skips.map((_, i) => block(i === 0 ? width : skips[i - 1]!, count.encoder));
    this.down = skips.map((channels) => new NormConv(channels, channels, 1, dropout, random));
    this.bottleneck = block(skips[depth - 1]!, count.bottleneck);
    const raised = skips.map((_, i) => growth * (i === 0 ? count.bottleneck : count.decoder));
    this.up = raised.map((channels) => new ConvTranspose2d(channels, channels, 3, { stride: 2 }));
    this.decoder = raised.map((channels, i) => block(channels + skips[depth - 1 - i]!, count.decoder));
    this.head = new Conv2d(raised[depth - 1]! + skips[0]! + count.decoder * growth, outputs, 1, priorBias(prior));
  }

  /** image [N, H, W, inputs] → logits [N, H, W, outputs]; features [N, H/2, W/2, 228] and [N, H, W, 192], if high. */
  forward(image: Tensor): Segmentation {
    const stem = this.first.forward(image);
    const skips: Tensor[] = [];
    const low = [stem];
    let y = stem;
    this.encoder.forEach((block, i) => {
      const { added, all } = block.forward(y);
      if (i === 0) low.push(added[0]!);
      skips.push(all);
      y = maxPool2d(this.down[i]!.forward(all), { kernel: 2, stride: 2 });
    });
    y = concat(this.bottleneck.forward(y).added, 3);
    const mid = [y];
    const high: Tensor[] = [];
    this.decoder.forEach((block, i) => {
      const skip = skips.pop()!;
      const raised = slice(this.up[i]!.forward(y), [null, [0, skip.shape[1]!], [0, skip.shape[2]!]]);
      const { added, all, last } = block.forward(concat([raised, skip], 3));
      const left = this.decoder.length - 1 - i;
      if (left === 1) high.push(last);
      if (left === 0) high.push(all);
      y = left === 0 ? all : concat(added, 3);
    });
    return { logits: this.head.forward(y), features: { low, mid, high }[this.hints] };
  }

  /**
   * Name of a path in the state dict of the reference: "decoder.1.layers.3.conv.bias" is
   * "denseBlocksUp.1.layers.3.conv.bias".
   */
  pytorchName(path: string): string {
    return path
      .replace(/^first\./, "firstconv.")
      .replace(/^head\./, "finalConv.")
      .replace(/^encoder\./, "denseBlocksDown.")
      .replace(/^down\./, "transDownBlocks.")
      .replace(/^bottleneck\./, "bottleneck.bottleneck.")
      .replace(/^up\.(\d+)\./, "transUpBlocks.$1.convTrans.")
      .replace(/^decoder\./, "denseBlocksUp.");
  }
}
