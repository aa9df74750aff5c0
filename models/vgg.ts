// The trunk of VGG19 or VGG16 (Simonyan & Zisserman 2015), frozen: what the contextual loss sees images through.
import { Module, type Tensor, add, concat, maxPool2d, mul, normalInit, relu, slice } from "../engine/index.ts";
import { Conv2d } from "./blocks.ts";

/** 16 or 19 layers, the three fully connected ones counted, which are not here. */
export type VggLayers = 16 | 19;

/** Convolutions in each of the five stages; a 2×2 max pool stands before all but the first. */
const STAGES: Readonly<Record<VggLayers, readonly number[]>> = { 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4] };

/** Names of all convolutions in order, "conv1_1" … "conv5_4". */
export const convNames = (layers: VggLayers): string[] =>
  STAGES[layers].flatMap((n, stage) => Array.from({ length: n }, (_, i) => `conv${stage + 1}_${i + 1}`));

/** ImageNet's mean and deviation of red, green and blue in [0, 1]. */
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

/**
 * Layers whose features (after ReLU) the paper compares: Conv7, Conv8, Conv9 of 256 × 256 images are 64² × 256, 64² ×
 * 256, 32² × 512.
 */
export const PAPER_TAPS = ["conv3_3", "conv3_4", "conv4_1"] as const;

/** The paper's Conv7, Conv8, Conv9: the sizes it gives are VGG19's, the name in its text III-B is VGG16. */
const paperTaps = (layers: VggLayers): readonly string[] => convNames(layers).slice(6, 9);

export interface VggOptions {
  /** 19; 16 as the paper says in one place. */
  layers?: VggLayers;
  /** Names of convolutions, "conv1_1" … "conv5_4", in order; the trunk ends at the last. */
  taps?: readonly string[];
  /** Channels of the first stage, 64. */
  width?: number;
}

/**
 * image [N, H, W, 1 or 3] in [−1, 1] → features after the ReLU of each tapped convolution. Nothing here trains;
 * gradients flow through to the image. Without a file of weights they are He-normal, drawn from the seed. 3,505,728
 * values to conv4_1 at width 64.
 */
export class Vgg extends Module {
  readonly convs: readonly Conv2d[];
  readonly layers: VggLayers;
  readonly taps: readonly string[];
  readonly #names: readonly string[];
  constructor({ layers = 19, taps = paperTaps(layers), width = 64 }: VggOptions = {}) {
    super();
    const names = convNames(layers);
    const unknown = taps.find((t) => !names.includes(t));
    if (unknown !== undefined || taps.length === 0)
      throw new RangeError(`VGG${layers} has no layer ${unknown ?? "to tap"}; name some of ${names.join(", ")}`);
    this.layers = layers;
    this.taps = taps;
    this.#names = names;
    const depth = Math.max(...taps.map((t) => names.indexOf(t))) + 1;
    let channels = 3;
    this.convs = names.slice(0, depth).map((name) => {
      const inputs = channels;
      channels = width * Math.min(2 ** (stageOf(name) - 1), 8);
      return new Conv2d(inputs, channels, 3, {
        pad: 1,
        init: (fanIn) => normalInit(Math.sqrt(2 / fanIn)),
        trainable: false,
      });
    });
  }

  /** Features of an image of one channel or three in [−1, 1]. */
  forward(image: Tensor): Tensor[] {
    return this.features(imagenetInput(image));
  }

  /** Features of an image [N, H, W, 3] that ImageNet's statistics have normalised. */
  features(y: Tensor): Tensor[] {
    const found: Tensor[] = [];
    let stage = 1;
    this.convs.forEach((conv, i) => {
      const name = this.#names[i]!;
      if (stageOf(name) > stage) y = maxPool2d(y, { kernel: 2, stride: 2 });
      stage = stageOf(name);
      y = relu(conv.forward(y));
      const tap = this.taps.indexOf(name);
      if (tap >= 0) found[tap] = y;
    });
    return found;
  }

  /** Name of a path in torchvision's state dict: "convs.2.weight" is "features.5.weight". */
  pytorchName(path: string): string {
    const [, i, leaf] = path.split(".");
    const conv = Number(i);
    // Each convolution brings its ReLU, each stage before it a pool.
    return `features.${2 * conv + stageOf(this.#names[conv]!) - 1}.${leaf}`;
  }

  /** Deeper layers and the classifier may be in the file and are left. */
  ignoredPytorchName(name: string): boolean {
    const layer = /^features\.(\d+)\./.exec(name);
    return layer
      ? Number(layer[1]) > 2 * (this.convs.length - 1) + stageOf(this.#names[this.convs.length - 1]!) - 1
      : name.startsWith("classifier.");
  }
}

/** Those of `taps` that a torchvision file with these names reaches: published files may end early. */
export function tapsWithin(
  names: Iterable<string>,
  taps: readonly string[] = PAPER_TAPS,
  layers: VggLayers = 19,
): string[] {
  const held = new Set(names);
  const all = convNames(layers);
  return taps.filter((tap) => {
    const convs = all.slice(0, all.indexOf(tap) + 1);
    return convs.every((name, conv) => held.has(`features.${2 * conv + stageOf(name) - 1}.weight`));
  });
}

const stageOf = (conv: string): number => Number(conv[4]);

/** [N, H, W, 1 or 3] in [−1, 1] as ImageNet's networks take it: three channels of (½(x + 1) − mean) / deviation. */
export function imagenetInput(image: Tensor): Tensor {
  const channel = (c: number): Tensor => (image.shape[3] === 1 ? image : slice(image, [null, null, null, [c, c + 1]]));
  return concat(
    MEAN.map((mean, c) => add(mul(channel(c), 0.5 / DEVIATION[c]!), (0.5 - mean) / DEVIATION[c]!)),
    3,
  );
}

/** The name by which trainers know it; `layers` says which it is. */
export { Vgg as Vgg19 };
