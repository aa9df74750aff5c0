// DRIT (Lee et al. 2018), the variational translator of VAE-CMEDL, Fig. 1 (b) of the paper, in its form that joins
// styles to features: an image is a content code, which both domains share, and a style vector of its domain. Domains
// are named a and b as in the reference: a is CT and b is MR here.
import {
  Module,
  Parameter,
  RandomStream,
  type Tensor,
  add,
  avgPool2d,
  concat,
  constantInit,
  expand,
  instanceNorm,
  layerNorm,
  leakyRelu,
  mean,
  mode,
  mul,
  randomNormal,
  relu,
  reshape,
  tanh,
} from "../engine/index.ts";
import { Conv2d, ConvTranspose2d, Linear } from "./blocks.ts";
import { ResidualBlock } from "./resnet-generator.ts";

export type Domain = "a" | "b";

const reflect = (pad: number, stride = 1) => ({ pad, stride, padMode: "reflect" }) as const;
const residuals = (n: number, channels: number): ResidualBlock[] =>
  Array.from({ length: n }, () => new ResidualBlock(channels));

export interface ContentEncoderOptions {
  inputs?: number;
  /** Channels at full resolution, 64. */
  width?: number;
  /** Residual blocks of each domain's trunk, 3, and of the tail that both share, 1. */
  blocks?: number;
  sharedBlocks?: number;
}

class ContentTrunk extends Module {
  readonly stem: Conv2d;
  readonly down1: Conv2d;
  readonly down2: Conv2d;
  readonly blocks: readonly ResidualBlock[];
  constructor(inputs: number, width: number, blocks: number) {
    super();
    this.stem = new Conv2d(inputs, width, 7, reflect(3));
    this.down1 = new Conv2d(width, 2 * width, 3, reflect(1, 2));
    this.down2 = new Conv2d(2 * width, 4 * width, 3, reflect(1, 2));
    this.blocks = residuals(blocks, 4 * width);
  }
  forward(image: Tensor): Tensor {
    let y = leakyRelu(this.stem.forward(image), 0.01);
    for (const down of [this.down1, this.down2]) y = relu(instanceNorm(down.forward(y)));
    for (const block of this.blocks) y = block.forward(y);
    return y;
  }
}

/**
 * E_c of the paper, at width w; all convolutions reflect the edge:
 *
 *     image ─ 7×7 w ─ 3×3/2 2w ─ 3×3/2 4w ─ 3 × residual ─┐ one such trunk a domain
 *                                                         └ residual ─ + N(0, 1) in training ─ content code
 *
 * 9,005,568 parameters at width 64, both trunks.
 */
export class ContentEncoder extends Module {
  readonly a: ContentTrunk;
  readonly b: ContentTrunk;
  readonly shared: readonly ResidualBlock[];
  readonly random = new RandomStream();
  constructor({ inputs = 1, width = 64, blocks = 3, sharedBlocks = 1 }: ContentEncoderOptions = {}) {
    super();
    this.a = new ContentTrunk(inputs, width, blocks);
    this.b = new ContentTrunk(inputs, width, blocks);
    this.shared = residuals(sharedBlocks, 4 * width);
  }

  /**
   * image [N, H, W, inputs] → content code [N, H/4, W/4, 4·width]. `noise`, of the code's shape, replaces the random
   * one.
   */
  forward(image: Tensor, domain: Domain, noise?: Tensor): Tensor {
    let y = this[domain].forward(image);
    for (const block of this.shared) y = block.forward(y);
    const added = noise ?? (mode() === "train" ? randomNormal(y.shape, this.random) : undefined);
    return added ? add(y, added) : y;
  }

  /** Name of a path in DRIT's state dict: "a.down1.weight" is "convA.1.model.1.weight". */
  pytorchName(path: string): string {
    const number: Record<string, number> = { stem: 0, down1: 1, down2: 2 };
    const [part = "", ...rest] = path.split(".");
    if (part === "shared") return `conv_share.${residualName(rest)}`;
    const trunk = `conv${part.toUpperCase()}`;
    const [layer = "", ...leaf] = rest;
    return layer === "blocks"
      ? `${trunk}.${residualName([`${3 + Number(leaf[0])}`, ...leaf.slice(1)])}`
      : `${trunk}.${number[layer]}.model.1.${leaf[0]}`;
  }
}

const residualName = ([i, conv, leaf]: readonly string[]): string => `${i}.model.${conv === "conv1" ? 1 : 5}.${leaf}`;

/** A Gaussian of style vectors: μ and log σ², [N, Z] each. */
export interface StyleDistribution {
  mu: Tensor;
  logVariance: Tensor;
}

export interface StyleEncoderOptions {
  inputs?: number;
  /** Channels of the first layer, 64. */
  width?: number;
  /** Length of a style vector, 8. */
  styles?: number;
}

/** conv(lrelu(conv(lrelu x))) averaged over 2 × 2, plus conv1×1 of the averaged x. [N, H, W, C] → [N, H/2, W/2, K]. */
class StyleDown extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly shortcut: Conv2d;
  constructor(inputs: number, outputs: number) {
    super();
    this.conv1 = new Conv2d(inputs, inputs, 3, reflect(1));
    this.conv2 = new Conv2d(inputs, outputs, 3, reflect(1));
    this.shortcut = new Conv2d(inputs, outputs, 1);
  }
  forward(x: Tensor): Tensor {
    const half = (y: Tensor): Tensor => avgPool2d(y, { kernel: 2, stride: 2 });
    const y = this.conv2.forward(leakyRelu(this.conv1.forward(leakyRelu(x, 0.2)), 0.2));
    return add(half(y), this.shortcut.forward(half(x)));
  }
}

class StyleTrunk extends Module {
  readonly stem: Conv2d;
  readonly down: readonly StyleDown[];
  readonly mu: Linear;
  readonly logVariance: Linear;
  constructor(inputs: number, width: number, styles: number) {
    super();
    this.stem = new Conv2d(inputs, width, 4, reflect(1, 2));
    this.down = [1, 2, 3].map((n) => new StyleDown(n * width, (n + 1) * width));
    this.mu = new Linear(4 * width, styles);
    this.logVariance = new Linear(4 * width, styles);
  }
  forward(image: Tensor): StyleDistribution {
    let y = this.stem.forward(image);
    for (const down of this.down) y = down.forward(y);
    const pooled = mean(leakyRelu(y, 0.2), [1, 2]);
    return { mu: this.mu.forward(pooled), logVariance: this.logVariance.forward(pooled) };
  }
}

/**
 * E_s of the paper for both domains: image ─ 4×4/2 w ─ 3 residual halvings 2w, 3w, 4w ─ mean ─ μ, log σ². No norms,
 * which would take style away. 2,684,064 parameters at width 64.
 */
export class StyleEncoder extends Module {
  readonly a: StyleTrunk;
  readonly b: StyleTrunk;
  constructor({ inputs = 1, width = 64, styles = 8 }: StyleEncoderOptions = {}) {
    super();
    this.a = new StyleTrunk(inputs, width, styles);
    this.b = new StyleTrunk(inputs, width, styles);
  }
  /** image [N, H, W, inputs] → μ, log σ² [N, styles]. */
  forward(image: Tensor, domain: Domain): StyleDistribution {
    return this[domain].forward(image);
  }
  /** Name of a path in DRIT's state dict: "b.down.0.conv2.bias" is "conv_B.2.conv.4.1.bias". */
  pytorchName(path: string): string {
    return path
      .replace(/^([ab])\.(mu|logVariance)\./, (_, d, part) => `${part === "mu" ? "fc" : "fcVar"}_${d.toUpperCase()}.0.`)
      .replace(/^([ab])\.stem\./, (_, d) => `conv_${d.toUpperCase()}.1.`)
      .replace(/^([ab])\.down\.(\d)\./, (_, d, i) => `conv_${d.toUpperCase()}.${Number(i) + 2}.`)
      .replace(".conv1.", ".conv.2.")
      .replace(".conv2.", ".conv.4.1.")
      .replace(".shortcut.", ".shortcut.1.");
  }
}

export interface StyleGeneratorOptions {
  outputs?: number;
  /** Channels at full resolution, 64. */
  width?: number;
  /** Length of a style vector, 8. */
  styles?: number;
  /**
   * Residual blocks that a code passes, the first of which both domains share: 4 as in the reference; the paper says
   * 6.
   */
  blocks?: number;
}

/** Layer norm of each sample over H, W and C, with gain and bias per channel. */
class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(channels: number) {
    super();
    this.weight = new Parameter([channels, 1, 1], constantInit(1));
    this.bias = new Parameter([channels, 1, 1], constantInit(0));
  }
  forward(x: Tensor): Tensor {
    const channels = [x.shape[3]!];
    return add(mul(layerNorm(x, 3), reshape(this.weight.value, channels)), reshape(this.bias.value, channels));
  }
}

class Decoder extends Module {
  readonly blocks: readonly ResidualBlock[];
  readonly up1: ConvTranspose2d;
  readonly norm1: LayerNorm;
  readonly up2: ConvTranspose2d;
  readonly norm2: LayerNorm;
  readonly head: ConvTranspose2d;
  constructor(content: number, outputs: number, styles: number, blocks: number) {
    super();
    const first = content + 2 * styles;
    const second = first / 2 + styles;
    const double = { stride: 2, pad: 1, outputPad: 1 };
    this.blocks = residuals(blocks, content + styles);
    this.up1 = new ConvTranspose2d(first, first / 2, 3, double);
    this.norm1 = new LayerNorm(first / 2);
    this.up2 = new ConvTranspose2d(second, second / 2, 3, double);
    this.norm2 = new LayerNorm(second / 2);
    this.head = new ConvTranspose2d(second / 2 + styles, outputs, 1);
  }
  forward(content: Tensor, style: Tensor): Tensor {
    let y = joined(content, style);
    for (const block of this.blocks) y = block.forward(y);
    y = relu(this.norm1.forward(this.up1.forward(joined(y, style))));
    y = relu(this.norm2.forward(this.up2.forward(joined(y, style))));
    return tanh(this.head.forward(joined(y, style)));
  }
}

/** x [N, H, W, C] and z [N, Z] at every pixel behind it. */
function joined(x: Tensor, z: Tensor): Tensor {
  const [N, H, W] = x.shape as [number, number, number, number];
  const Z = z.shape[1]!;
  return concat([x, expand(reshape(z, [N, 1, 1, Z]), [N, H, W, Z])], 3);
}

/**
 * G of the paper for both domains, at width w; z is joined to the features again before each part:
 *
 *     content 4w ─ residual, shared ─ z ─ residuals ─ z ─ 3×3·2 LN ─ z ─ 3×3·2 LN ─ z ─ 1×1 ─ tanh ─ image
 *
 * 9,564,386 parameters at width 64 and 4 blocks, both decoders.
 */
export class StyleGenerator extends Module {
  readonly shared: readonly ResidualBlock[];
  readonly a: Decoder;
  readonly b: Decoder;
  /** Length of a style. */
  readonly styles: number;
  constructor({ outputs = 1, width = 64, styles = 8, blocks = 4 }: StyleGeneratorOptions = {}) {
    super();
    this.styles = styles;
    if (!(blocks >= 1))
      throw new RangeError(`the generator has ${blocks} residual blocks; it needs the shared one at least`);
    this.shared = residuals(1, 4 * width);
    this.a = new Decoder(4 * width, outputs, styles, blocks - 1);
    this.b = new Decoder(4 * width, outputs, styles, blocks - 1);
  }

  /** content [N, H, W, 4·width], style [N, styles] → image of the domain [N, 4H, 4W, outputs] in [−1, 1]. */
  forward(content: Tensor, style: Tensor, domain: Domain): Tensor {
    let y = content;
    for (const block of this.shared) y = block.forward(y);
    return this[domain].forward(y, style);
  }

  /** Name of a path in DRIT's state dict: "a.norm2.weight" is "decA3.0.model.1.weight". */
  pytorchName(path: string): string {
    const [part = "", layer = "", ...rest] = path.split(".");
    if (part === "shared") return `dec_share.${residualName([layer, ...rest])}`;
    const dec = `dec${part.toUpperCase()}`;
    if (layer === "blocks") return `${dec}1.${residualName(rest)}`;
    if (layer === "head") return `${dec}4.0.${rest[0]}`;
    return `${dec}${Number(layer.at(-1)) + 1}.0.model.${layer.startsWith("up") ? 0 : 1}.${rest[0]}`;
  }
}
