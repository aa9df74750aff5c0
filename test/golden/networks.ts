// The networks that have golden files: how each is built from its file, what it runs and which loss is differentiated.
import { type Device, add, concat, full, mean, mul, sigmoid, square, sub, sum, total } from "../../engine/index.ts";
import { leastSquares } from "../../losses/adversarial.ts";
import { l1Loss } from "../../losses/elementwise.ts";
import { binaryCrossEntropy } from "../../losses/latent.ts";
import { dice } from "../../losses/segmentation.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { ContentDiscriminator } from "../../models/drit-discriminators.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { PatchDiscriminator } from "../../models/patch-discriminator.ts";
import { ResnetGenerator } from "../../models/resnet-generator.ts";
import { AlphaNetwork } from "../../models/resnet18.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { UNet } from "../../models/unet.ts";
import { Vgg19 } from "../../models/vgg.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { type Plan, checkNetwork } from "./network-check.ts";
import {
  count,
  discriminatorOptions,
  generatorOptions,
  sizes,
  unetOptions,
  vggNames,
  vggOptions,
} from "./network-options.ts";

/** Segmentors share one loss: 5·Dice, and how far the tied features are from ½. */
const segmentorPlan = (network: Segmentor, width: number, gradient?: number): Plan => ({
  network,
  width,
  gradient,
  run({ x, target }) {
    const { logits, features } = network.forward(x!);
    const prob = sigmoid(logits);
    const losses = { dice: dice(prob, target!), hint_mse: total(...features.map((f) => mean(square(sub(f, 0.5))))) };
    return {
      outputs: { logits, prob, ...Object.fromEntries(features.map((f, i) => [`hint${i}`, f])) },
      losses: { ...losses, total: add(mul(5, losses.dice), losses.hint_mse) },
    };
  },
  infer: (x) => ({ logits: network.forward(x).logits }),
});

export function checkUNet(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const options = unetOptions(under(file.tensors, "param/"));
  return checkNetwork(file, device, c, segmentorPlan(new UNet(options), options.width));
}

export function checkDenseFcn(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const p = under(file.tensors, "param/");
  const [width, inputs] = sizes(p, "firstconv.weight");
  const network = new DenseFcn({
    width,
    inputs,
    outputs: sizes(p, "finalConv.weight")[0],
    growth: sizes(p, "denseBlocksDown.0.layers.0.conv.weight")[0],
    depth: count(p, /^denseBlocksDown\.\d+\.layers\.0\.conv\.weight$/),
    layers: {
      encoder: count(p, /^denseBlocksDown\.0\.layers\.\d+\.conv\.weight$/),
      decoder: count(p, /^denseBlocksUp\.0\.layers\.\d+\.conv\.weight$/),
      bottleneck: count(p, /^bottleneck\.bottleneck\.layers\.\d+\.conv\.weight$/),
    },
    dropout: 0,
  });
  return checkNetwork(file, device, c, segmentorPlan(network, width!, 4e-4));
}

/** Whether corners are aligned is in the name: mrrn_b32_ac1. */
export function checkMrrn(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const p = under(file.tensors, "param/");
  const [width, inputs] = sizes(p, "CNN_block1.conv1.weight");
  const network = new Mrrn({
    width,
    inputs,
    outputs: sizes(p, "out_conv.weight")[0],
    alignCorners: /_ac1(_|$)/.test(file.name),
    dropout: 0,
  });
  // Of the narrow MRRN, PyTorch's own f32 outputs are 6.1e-6 off and its gradients up to 6.0e-5.
  return checkNetwork(file, device, c, {
    ...segmentorPlan(network, width!, 4e-2),
    narrow: { output: 5 * 6.1e-6, gradient: 5 * 6e-5 },
  });
}

export function checkAlpha(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const p = under(file.tensors, "param/");
  const [width, inputs] = sizes(p, "conv1.weight") as [number, number];
  const network = new AlphaNetwork({ width, inputs, hidden: sizes(p, "fc1.weight")[0]! });
  return checkNetwork(file, device, c, {
    network,
    width,
    run({ x }) {
      const alpha = network.forward(x!);
      const weights = concat(
        Array.from({ length: alpha.shape[0]! }, (_, i) => full([1, 1], [1, -2, 3][i % 3]!)),
        0,
      );
      return { outputs: { alpha }, losses: { total: sum(mul(alpha, weights)) } };
    },
    infer: (x) => ({ alpha: network.forward(x) }),
  });
}

export function checkContentDiscriminator(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const p = under(file.tensors, "param/");
  const channels = sizes(p, "model.0.model.1.weight")[1];
  const network = new ContentDiscriminator({ channels, layers: count(p, /^model\.\d+\.model\.1\.weight$/) - 1 });
  return checkNetwork(file, device, c, {
    network,
    width: channels!,
    run({ x }) {
      const logits = network.forward(x!);
      return { outputs: { logits }, losses: { bce_half: binaryCrossEntropy(logits, 0.5) } };
    },
  });
}

export function checkGenerator(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const options = generatorOptions(under(file.tensors, "param/"));
  const network = new ResnetGenerator(options);
  return checkNetwork(file, device, c, {
    network,
    width: options.width,
    run({ x, head }) {
      const y = network.forward(x!);
      return { outputs: { y }, losses: { total: l1Loss(y, head!) } };
    },
  });
}

export function checkPatchGan(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const options = discriminatorOptions(under(file.tensors, "param/"));
  const network = new PatchDiscriminator(options);
  return checkNetwork(file, device, c, {
    network,
    width: options.width,
    run({ x }) {
      const y = network.forward(x!);
      return { outputs: { y }, losses: { total: leastSquares(y, 1) } };
    },
  });
}

export function checkVgg(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const parameters = vggNames(under(file.tensors, "param/"));
  const options = vggOptions(parameters);
  const network = new Vgg19(options);
  return checkNetwork(file, device, c, {
    network,
    parameters,
    width: options.width!,
    run({ x, ...heads }) {
      const taps = network.features(x!);
      return {
        outputs: Object.fromEntries(taps.map((tap, i) => [`tap${i}`, tap])),
        losses: { total: total(...taps.map((tap, i) => mean(mul(tap, heads[`head${i}`]!)))) },
      };
    },
  });
}
