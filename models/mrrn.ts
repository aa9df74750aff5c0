// MRRN, the multiple resolution residual network (Jiang et al. 2019) as Fig. 2 (c) of the paper has it: every block
// reads a residual stream of some finer resolution and writes back to it.
import { Module, RandomStream, type Tensor, add, concat, maxPool2d, oneOf, relu, resize } from "../engine/index.ts";
import { BatchNorm2d, Conv2d, DoubleConv } from "./blocks.ts";
import { Dropout2d } from "./dropout.ts";
import { HINT_LEVELS, type HintLevel, type Segmentation, type Segmentor, priorBias } from "./segmentor.ts";

export interface MrrnOptions {
  /** Channels of the image, 1. */
  inputs?: number;
  /** Channels of the logits, 1. */
  outputs?: number;
  /** Channels of the full-resolution stream, 32. */
  width?: number;
  /** Residual units before and after the multi-resolution part, 3 each. */
  units?: number;
  /** Whether bilinear upsampling aligns the corners' centres: the published copies differ. False. */
  alignCorners?: boolean;
  /** Share of a pooled stream's channels that are dropped in training, 0.5; 0 as the organs-at-risk copy has it. */
  dropout?: number;
  /** Features that distillation ties, "high". */
  hints?: HintLevel;
  /** Share of each structure that the masks start at; without it one half. */
  prior?: readonly number[];
}

/** Conv 3×3, batch norm, ReLU. */
class ConvNorm extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;
  constructor(inputs: number, outputs: number) {
    super();
    this.conv = new Conv2d(inputs, outputs, 3, { pad: 1 });
    this.norm = new BatchNorm2d(outputs);
  }
  forward(x: Tensor): Tensor {
    return relu(this.norm.forward(this.conv.forward(x)));
  }
}

/**
 * The residual connection unit: two 3×3 convolutions on a stream R, pooled to P's resolution, and on P.
 * P⁺ = conv(conv(R↓ ⊕ P)), R⁺ = R + up(conv1×1 P⁺).
 */
class ResidualConnection extends Module {
  readonly drop: Dropout2d;
  readonly block: DoubleConv;
  readonly adjust: Conv2d;
  /** `stride`: how much finer R [N, s·H, s·W, stream] is than P [N, H, W, inputs]. */
  constructor(
    inputs: number,
    readonly stride: number,
    stream: number,
    outputs: number,
    readonly alignCorners: boolean,
    dropout: number,
    random: RandomStream,
  ) {
    super();
    this.drop = new Dropout2d(dropout, random);
    this.block = new DoubleConv(stream + inputs, outputs);
    this.adjust = new Conv2d(outputs, stream, 1);
  }
  forward(P: Tensor, R: Tensor): { P: Tensor; R: Tensor } {
    const pooled = this.drop.forward(maxPool2d(R, { kernel: this.stride, stride: this.stride }));
    const out = this.block.forward(concat([pooled, P], 3));
    return { P: out, R: add(R, upsampled(this.adjust.forward(out), this.stride, this.alignCorners)) };
  }
}

const upsampled = (x: Tensor, by: number, alignCorners: boolean): Tensor =>
  resize(x, [x.shape[1]! * by, x.shape[2]! * by], { mode: "bilinear", alignCorners });

/**
 * The stages in order: their name in the reference, the level they work at (image size / 2^(level − 1)), the stream
 * each unit reads.
 */
const STAGES = [
  { name: "1", level: 2, streams: [1, 1, 1] },
  { name: "2", level: 3, streams: [1, 2, 1] },
  { name: "3", level: 4, streams: [1, 3, 2, 1] },
  { name: "4", level: 5, streams: [1, 4, 3, 2, 1] },
  { name: "33", level: 4, streams: [1, 3, 2, 1] },
  { name: "22", level: 3, streams: [1, 2, 1] },
  { name: "11", level: 2, streams: [1, 1, 1] },
] as const;
/** The first four go down. */
const DOWN = 4;

/**
 * At width w. Stream R₁ [H, w] runs along the top; P₂ … P₄, once made, are streams too; the digits say which each
 * unit reads:
 *
 *     image ─ conv w ─ units ─ R₁ ─────────────────────────────────────────── ⊕ ─ conv w ─ units ─ head ─ logits   H
 *                         └ P₂ 111 ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ 111 ── up ┘ ← tied: 2w at H                 H/2
 *                             └ P₃ 121 ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ Q₃ 121 ── up ← tied: 4w at H/2, feeds nothing       H/4
 *                                 └ P₄ 1321 ─ ─ ─ ─ ─ Q₄ 1321 ─ up ┘                                               H/8
 *                                      └ P₅ 14321 ─ up ┘                                                           H/16
 *
 * All public copies wire it so: the deep decoder reaches the output by the streams R₁ and P₂ only.
 * 38,916,385 parameters at width 32 with one channel in and out (paper: 38.92 M).
 */
export class Mrrn extends Module implements Segmentor {
  readonly stem: ConvNorm;
  readonly before: readonly ConvNorm[];
  readonly stream: Conv2d;
  readonly stages: readonly (readonly ResidualConnection[])[];
  readonly join: ConvNorm;
  readonly after: readonly ConvNorm[];
  readonly head: Conv2d;
  readonly random = new RandomStream();
  readonly alignCorners: boolean;
  readonly hints: HintLevel;
  constructor({
    inputs = 1,
    outputs = 1,
    width = 32,
    units = 3,
    alignCorners = false,
    dropout = 0.5,
    hints = "high",
    prior,
  }: MrrnOptions = {}) {
    super();
    this.alignCorners = alignCorners;
    this.hints = oneOf("Mrrn", "hints", hints, HINT_LEVELS);
    const channels = (level: number): number => width * 2 ** (level - 1);
    this.stem = new ConvNorm(inputs, width);
    this.before = Array.from({ length: units }, () => new ConvNorm(width, width));
    this.stream = new Conv2d(width, width, 1);
    let last = width;
    this.stages = STAGES.map(({ name, level, streams }) => {
      if (name === "11") last = channels(2);
      return streams.map((s) => {
        const from = last;
        last = channels(level);
        return new ResidualConnection(from, 2 ** (level - s), channels(s), last, alignCorners, dropout, this.random);
      });
    });
    this.join = new ConvNorm(3 * width, width);
    this.after = Array.from({ length: units }, () => new ConvNorm(width, width));
    this.head = new Conv2d(width, outputs, 1, priorBias(prior));
  }

  /**
   * image [N, H, W, inputs], H and W multiples of 16 → logits [N, H, W, outputs]; features [N, H/2, W/2, 4·width] and
   * [N, H, W, 2·width], if high.
   */
  forward(image: Tensor): Segmentation {
    const stem = this.stem.forward(image);
    const low = [stem];
    let y = stem;
    for (const unit of this.before) {
      y = add(y, unit.forward(y));
      if (low.length < 2) low.push(y);
    }
    // By level, from 1 on: stream R₁ and, once made, P₂ … P₅.
    const R: Tensor[] = [];
    R[1] = relu(this.stream.forward(y));
    const run = (i: number, from: Tensor): Tensor => {
      let P = from;
      for (const [j, stream] of STAGES[i]!.streams.entries()) {
        const made = this.stages[i]![j]!.forward(P, R[stream]!);
        P = made.P;
        R[stream] = made.R;
      }
      return P;
    };
    for (let i = 0; i < DOWN; i++) {
      y = run(i, maxPool2d(y, { kernel: 2, stride: 2 }));
      R[STAGES[i]!.level] = y;
    }
    const mid = [y];
    y = run(4, this.#up(y));
    y = run(5, this.#up(y));
    const coarse = this.#up(y);
    const fine = this.#up(run(6, R[2]!));
    y = this.join.forward(concat([R[1]!, fine], 3));
    for (const unit of this.after) y = add(y, unit.forward(y));
    return { logits: this.head.forward(y), features: { low, mid, high: [coarse, fine] }[this.hints] };
  }

  #up(x: Tensor): Tensor {
    return upsampled(x, 2, this.alignCorners);
  }

  /**
   * Name of a path in the state dict of the reference: "stages.4.1.block.conv2.bias" is "FRRU33_2.cnn_block.3.bias".
   */
  pytorchName(path: string): string {
    return path
      .replace(/^stem\./, "CNN_block1.")
      .replace(/^join\./, "CNN_block2.")
      .replace(/^head\./, "out_conv.")
      .replace(/^stream\./, "Residual_stream1.0.")
      .replace(
        /^(before|after)\.(\d+)\./,
        (_, side, i) => `RU${`${Number(i) + 1}`.repeat(side === "before" ? 1 : 2)}.unit.`,
      )
      .replace(/^(CNN_block\d|RU\d+\.unit)\.(conv|norm)\./, "$1.$21.")
      .replace(/^stages\.(\d+)\.(\d+)/, (_, stage, i) => `FRRU${STAGES[Number(stage)]!.name}_${Number(i) + 1}`)
      .replace(".adjust.", ".channel_adjust.")
      .replace(".block.conv1.", ".cnn_block.0.")
      .replace(".block.norm1.", ".cnn_block.1.")
      .replace(".block.conv2.", ".cnn_block.3.")
      .replace(".block.norm2.", ".cnn_block.4.");
  }
}
