// The layers that networks are built from. Images are NHWC, weights RSCK; initial values as the CycleGAN code draws
// them.
import {
  batchNorm,
  constantInit,
  conv2d,
  convTranspose2d,
  instanceNorm,
  linear,
  mode,
  Module,
  normalInit,
  normalize,
  oneOf,
  Parameter,
  relu,
  type Tensor,
  training,
  uniformInit,
  Variable,
} from "../engine/index.ts";

export interface ConvOptions {
  stride?: number;
  pad?: number;
  padMode?: "zero" | "reflect";
  /** False for none: a norm follows that would take it away. */
  bias?: boolean;
  /** Draws the weight; N(0, 0.02²) if absent. */
  init?: (fanIn: number) => Parameter["init"];
  /** Draws the bias; U(±1/√fan-in) if absent. */
  biasInit?: Parameter["init"];
  trainable?: boolean;
}

/** y = x * w + b: x [N, H, W, C], w [R, S, C, K], b [K] → y [N, P, Q, K]. w ~ N(0, 0.02²), b ~ U(±1/√(R·S·C)). */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias?: Parameter;
  readonly #geometry: { stride: number; pad: number; padMode: "zero" | "reflect" };
  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    { stride = 1, pad = 0, padMode = "zero", bias = true, init, biasInit, trainable = true }: ConvOptions = {},
  ) {
    super();
    const fanIn = kernel * kernel * inputs;
    this.weight = new Parameter([kernel, kernel, inputs, outputs], init?.(fanIn) ?? normalInit(0.02), { trainable });
    if (bias)
      this.bias = new Parameter(
        [outputs],
        biasInit ?? (trainable ? uniformInit(1 / Math.sqrt(fanIn)) : constantInit(0)),
        { trainable },
      );
    this.#geometry = { stride, pad, padMode };
  }
  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight.value, { bias: this.bias?.value, ...this.#geometry });
  }
}

/** The transpose of a strided convolution: x [N, P, Q, C], w [R, S, K, C] → y [N, H, W, K]. b ~ U(±1/√(R·S·K)). */
export class ConvTranspose2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #geometry: { stride: number; pad: number; outputPad: number };
  constructor(inputs: number, outputs: number, kernel: number, { stride = 1, pad = 0, outputPad = 0 } = {}) {
    super();
    this.weight = new Parameter([kernel, kernel, outputs, inputs], normalInit(0.02));
    this.bias = new Parameter([outputs], uniformInit(1 / Math.sqrt(kernel * kernel * outputs)));
    this.#geometry = { stride, pad, outputPad };
  }
  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight.value, { bias: this.bias.value, ...this.#geometry });
  }
}

/** y = x·w + b: x [N, C], w [C, K], b [K] → [N, K]. w and b ~ U(±1/√C). */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(inputs: number, outputs: number) {
    super();
    this.weight = new Parameter([inputs, outputs], uniformInit(1 / Math.sqrt(inputs)));
    this.bias = new Parameter([outputs], uniformInit(1 / Math.sqrt(inputs)));
  }
  forward(x: Tensor): Tensor {
    return linear(x, this.weight.value, this.bias.value);
  }
}

/** What batch norm normalises by at inference: running averages, the statistics of the batch, or each image's own. */
export type InferenceStatistics = "running" | "batch" | "image";

interface Gains {
  readonly eps: number;
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/**
 * Batch norm of [N, H, W, C] over N, H and W, with gain and bias per channel; eps 1e-5. Training uses the batch's
 * statistics and moves the running ones by 0.1 (variance unbiased). Inference uses the running ones, unless
 * `setInferenceStatistics` says "batch", this batch's, or "image", each image's own: after training with batches of 1
 * or 2 the running averages are poor. By "batch" a result depends on what else is in the batch, by the others it does
 * not. `forward` throws UsageError where a page trains it that imports nothing else that trains.
 */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Variable;
  readonly runningVariance: Variable;
  /** At inference; by the running averages if absent. */
  normalize: ((x: Tensor, gains: Gains) => Tensor) | undefined;
  constructor(
    channels: number,
    readonly eps = 1e-5,
    readonly momentum = 0.1,
  ) {
    super();
    this.weight = new Parameter([channels], normalInit(0.02, 1));
    this.bias = new Parameter([channels], constantInit(0));
    this.runningMean = new Variable([channels], () => new Float32Array(channels), { trainable: false });
    this.runningVariance = new Variable([channels], () => new Float32Array(channels).fill(1), { trainable: false });
  }
  forward(x: Tensor): Tensor {
    const gains: Gains = { eps: this.eps, weight: this.weight.value, bias: this.bias.value };
    if (mode() === "train") return this.#train(x, gains);
    if (this.normalize) return this.normalize(x, gains);
    return normalize(x, this.runningMean.value, this.runningVariance.value, this.eps, gains.weight, gains.bias);
  }
  #train(x: Tensor, gains: Gains): Tensor {
    const { batchNorm, followAverage } = training("batch norm by the statistics of a batch");
    const { y, mean, variance, count } = batchNorm(x, gains);
    // Nothing has no statistics to follow: they would be NaN, and stay so.
    if (x.size === 0) return y;
    followAverage(this.runningMean, mean, this.momentum);
    followAverage(this.runningVariance, variance, this.momentum, count / Math.max(1, count - 1));
    return y;
  }
}

const BY_STATISTICS: Readonly<Record<InferenceStatistics, BatchNorm2d["normalize"]>> = {
  running: undefined,
  batch: (x, gains) => batchNorm(x, gains).y,
  image: instanceNorm,
};

/** Makes every batch norm within `module` use these statistics at inference. */
export function setInferenceStatistics(module: Module, statistics: InferenceStatistics): void {
  oneOf("setInferenceStatistics", "statistics", statistics, ["running", "batch", "image"]);
  for (const layer of modulesOf(module).values())
    if (layer instanceof BatchNorm2d) layer.normalize = BY_STATISTICS[statistics];
}

/** Conv 3×3, batch norm, ReLU, twice: the block of U-Net. [N, H, W, C] → [N, H, W, K]. */
export class DoubleConv extends Module {
  readonly conv1: Conv2d;
  readonly norm1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly norm2: BatchNorm2d;
  constructor(inputs: number, outputs: number) {
    super();
    this.conv1 = new Conv2d(inputs, outputs, 3, { pad: 1 });
    this.norm1 = new BatchNorm2d(outputs);
    this.conv2 = new Conv2d(outputs, outputs, 3, { pad: 1 });
    this.norm2 = new BatchNorm2d(outputs);
  }
  forward(x: Tensor): Tensor {
    return this.stages(x)[1];
  }
  /** What each of the two convolutions gives, after norm and ReLU. */
  stages(x: Tensor): [Tensor, Tensor] {
    const y = relu(this.norm1.forward(this.conv1.forward(x)));
    return [y, relu(this.norm2.forward(this.conv2.forward(y)))];
  }
}

/** The modules within `root`, itself under "", by the path of their fields. */
export function modulesOf(root: Module): Map<string, Module> {
  const found = new Map<string, Module>();
  const visit = (value: unknown, path: string): void => {
    if (value instanceof Module) {
      found.set(path, value);
      for (const [k, v] of Object.entries(value)) visit(v, path ? `${path}.${k}` : k);
    } else if (Array.isArray(value)) value.forEach((v, i) => visit(v, `${path}.${i}`));
  };
  visit(root, "");
  return found;
}
