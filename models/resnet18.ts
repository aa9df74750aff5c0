// The α-network of weighted CT + pMRI fusion: ResNet18 (He et al. 2016) with two fully connected layers, on CT and
// pseudo MR.
import {
  Module,
  type Tensor,
  add,
  concat,
  maxPool2d,
  mean,
  mul,
  relu,
  reshape,
  sigmoid,
  sub,
} from "../engine/index.ts";
import { BatchNorm2d, Conv2d, Linear } from "./blocks.ts";

export interface AlphaNetworkOptions {
  /** Channels of the input, 2: CT and pseudo MR. */
  inputs?: number;
  /** Channels of the first stage, 64. */
  width?: number;
  /** Channels between the two fully connected layers, 2·width. */
  hidden?: number;
}

/** x + conv(relu(conv x)), then ReLU; batch norms; where the size changes, x passes a strided 1×1 convolution. */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly norm1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly shortcut?: Conv2d;
  readonly shortcutNorm?: BatchNorm2d;
  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inputs, outputs, 3, { stride, pad: 1, bias: false });
    this.norm1 = new BatchNorm2d(outputs);
    this.conv2 = new Conv2d(outputs, outputs, 3, { pad: 1, bias: false });
    this.norm2 = new BatchNorm2d(outputs);
    if (stride !== 1 || inputs !== outputs) {
      this.shortcut = new Conv2d(inputs, outputs, 1, { stride, bias: false });
      this.shortcutNorm = new BatchNorm2d(outputs);
    }
  }
  forward(x: Tensor): Tensor {
    const y = relu(this.norm1.forward(this.conv1.forward(x)));
    const by = this.shortcut ? this.shortcutNorm!.forward(this.shortcut.forward(x)) : x;
    return relu(add(this.norm2.forward(this.conv2.forward(y)), by));
  }
}

/**
 * At width w:
 *
 *     CT, pMR ─ 7×7/2 w ─ 3×3 max pool/2 ─ 2 × w ─ /2 2 × 2w ─ /2 2 × 4w ─ /2 2 × 8w ─ mean ─ 2w ─ 1 ─ sigmoid
 *
 * 11,239,169 parameters at width 64. The paper says "ResNet18 with 2 fully connected layers"; sizes and sigmoid are
 * ours.
 */
export class AlphaNetwork extends Module {
  readonly stem: Conv2d;
  readonly norm: BatchNorm2d;
  readonly stages: readonly (readonly BasicBlock[])[];
  readonly fc1: Linear;
  readonly fc2: Linear;
  constructor({ inputs = 2, width = 64, hidden = 2 * width }: AlphaNetworkOptions = {}) {
    super();
    const channels = [1, 2, 4, 8].map((n) => n * width);
    this.stem = new Conv2d(inputs, width, 7, { stride: 2, pad: 3, bias: false });
    this.norm = new BatchNorm2d(width);
    this.stages = channels.map((c, i) => [
      new BasicBlock(i === 0 ? width : channels[i - 1]!, c, i === 0 ? 1 : 2),
      new BasicBlock(c, c, 1),
    ]);
    this.fc1 = new Linear(channels[3]!, hidden);
    this.fc2 = new Linear(hidden, 1);
  }

  /**
   * images [N, H, W, inputs], CT and pseudo MR as channels → α [N, 1] in (0, 1): how much pseudo MR counts in each
   * image.
   */
  forward(images: Tensor): Tensor {
    let y = relu(this.norm.forward(this.stem.forward(images)));
    y = maxPool2d(y, { kernel: 3, stride: 2, pad: 1 });
    for (const block of this.stages.flat()) y = block.forward(y);
    return sigmoid(this.fc2.forward(relu(this.fc1.forward(mean(y, [1, 2])))));
  }

  /**
   * Name of a path in a state dict as torchvision's ResNet18: "stages.1.0.shortcut.weight" is
   * "layer2.0.downsample.0.weight".
   */
  pytorchName(path: string): string {
    return path
      .replace(/^stem\./, "conv1.")
      .replace(/^norm\./, "bn1.")
      .replace(/^stages\.(\d)/, (_, i) => `layer${Number(i) + 1}`)
      .replace(/\.norm(\d)\./, ".bn$1.")
      .replace(".shortcut.", ".downsample.0.")
      .replace(".shortcutNorm.", ".downsample.1.");
  }
}

/**
 * Eq. (14), what the segmentor S sees: CT and pseudo MR as channels, weighted (1 − α)·xC ; α·pM. The loss is that of
 * any segmentation. xC, pM [N, H, W, 1], α [N, 1] or a number → [N, H, W, 2].
 */
export function weightedInput(xC: Tensor, pM: Tensor, alpha: Tensor | number): Tensor {
  const α = typeof alpha === "number" ? alpha : reshape(alpha, [alpha.shape[0]!, 1, 1, 1]);
  return concat([mul(sub(1, α as Tensor), xC), mul(α, pM)], 3);
}
