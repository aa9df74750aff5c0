// One network each: param/*, buf_before/*, in/*, mask/* → out/*, loss/*, grad/*, grad_in/*, buf_after/*, out_eval/*.
import {
  type Device,
  type Tensor,
  add,
  concat,
  full,
  grad,
  mean,
  mul,
  sigmoid,
  square,
  sub,
  sum,
  total,
} from "../../engine/index.ts";
import { l1 } from "../../losses/cycle.ts";
import { leastSquares } from "../../losses/adversarial.ts";
import { binaryCrossEntropy } from "../../losses/latent.ts";
import { dice } from "../../losses/segmentation.ts";
import { modulesOf } from "../../models/blocks.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { Dropout2d } from "../../models/dropout.ts";
import { ContentDiscriminator } from "../../models/drit-discriminators.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { PatchDiscriminator, type PatchDiscriminatorOptions } from "../../models/patch-discriminator.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict, permuted } from "../../models/pytorch.ts";
import { ResnetGenerator, type ResnetGeneratorOptions } from "../../models/resnet-generator.ts";
import { AlphaNetwork } from "../../models/resnet18.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { UNet, type UNetOptions } from "../../models/unet.ts";
import { Vgg19 } from "../../models/vgg.ts";
import { type Comparison, type GoldenFile, type Stored, norm, under } from "./comparison.ts";
import { normsDuring, settled } from "./doubts.ts";
import { type Check, checkRounded } from "./rounding.ts";
import { runOn, toNhwc } from "./stored.ts";

/**
 * f32 against f64 on narrow nets; at full width single ReLU and max-pool decisions flip, and five times PyTorch's own
 * f32 error is allowed.
 */
const tolerances = (width: number, gradient = 1e-3) =>
  width < 32 ? { output: 1e-5, gradient: 6e-5 } : { output: 5 * 9e-5, gradient: 5 * gradient };
/** Of a gradient that is truly 0 (a bias before a norm): its rounding, against the gradient of the layer's weight. */
const ZERO_GRADIENT = 1e-4;

type Parameters = ReadonlyMap<string, Stored>;
export const sizes = (p: Parameters, name: string): readonly number[] => p.get(name)?.shape ?? fail(name);
const fail = (name: string): never => {
  throw new Error(`the file has no param/${name}`);
};
export const count = (p: Parameters, pattern: RegExp): number => [...p.keys()].filter((k) => pattern.test(k)).length;

export const unetOptions = (p: Parameters): Required<Omit<UNetOptions, "hints">> => ({
  width: sizes(p, "inc.conv.conv.0.weight")[0]!,
  inputs: sizes(p, "inc.conv.conv.0.weight")[1]!,
  outputs: sizes(p, "outc.conv.weight")[0]!,
  depth: count(p, /^down\d+\.mpconv\.1\.conv\.0\.weight$/),
});

export function generatorOptions(p: Parameters): Required<ResnetGeneratorOptions> {
  const [width, inputs] = sizes(p, "model.1.weight") as [number, number];
  const blocks = count(p, /^model\.\d+\.conv_block\.1\.weight$/);
  return { width, inputs, blocks, outputs: sizes(p, `model.${17 + blocks}.weight`)[0]! };
}

export function discriminatorOptions(p: Parameters): Required<PatchDiscriminatorOptions> {
  const [width, inputs] = sizes(p, "model.0.weight") as [number, number];
  return { width, inputs, layers: count(p, /^model\.\d+\.weight$/) - 2 };
}

export const vggOptions = (p: Parameters) => ({ width: sizes(p, "features.0.weight")[0] });

/** The golden files number VGG's convolutions, torchvision its layers. */
export function vggNames(p: Parameters): Map<string, Stored> {
  const layers = [0, 2, 5, 7, 10, 12, 14, 16, 19];
  return new Map(
    [...p].map(([k, x]) => [k.replace(/^conv(\d+)\./, (_, n) => `features.${layers[Number(n) - 1]}.`), x]),
  );
}

/** Whether a parameter's true gradient is 0: a bias before a norm. */
export function isZeroGradient(name: string, wanted: Parameters): boolean {
  const weight = wanted.get(name.replace(/bias$/, "weight"));
  return name.endsWith("bias") && weight !== undefined && norm(wanted.get(name)!.data) < 1e-6 * norm(weight.data);
}

/**
 * Each gradient by foreign name, in our layout, with its tolerance: those that are truly zero against the scale of
 * their layer's weight.
 */
export function eachGradient(network: NamedForPyTorch, wanted: Parameters, tolerance: number, check: Check): void {
  for (const { name, shape, axes } of foreignNames(network)) {
    const want = wanted.get(name);
    if (!want) continue;
    const zero = isZeroGradient(name, wanted);
    check(
      name,
      permuted(want.data, shape, axes),
      zero ? ZERO_GRADIENT : tolerance,
      zero ? norm(wanted.get(name.replace(/bias$/, "weight"))!.data) : 0,
    );
  }
}

/** Checks gradients by foreign name. */
export const checkGradients = (
  c: Comparison,
  network: NamedForPyTorch,
  prefix: string,
  got: (name: string) => ArrayLike<number>,
  wanted: Parameters,
  tolerance: number,
): void => eachGradient(network, wanted, tolerance, (name, ...rest) => c.check(`${prefix}${name}`, got(name), ...rest));

interface Plan {
  network: NamedForPyTorch;
  width: number;
  /** Outputs and losses by their stored names, and the loss that is differentiated. */
  run: (t: Record<string, Tensor>) => { outputs: Record<string, Tensor>; losses: Record<string, Tensor> };
  /** Outputs in inference mode. */
  infer?: (x: Tensor) => Record<string, Tensor>;
  parameters?: Parameters;
  /** PyTorch's own f32 error of gradients at full width, 1e-3. */
  gradient?: number;
  /** Tolerances at narrow width where five times PyTorch's own f32 error is more than the usual ones. */
  narrow?: { output: number; gradient: number };
}

/**
 * The dropout layer that each stored mask is for: of that name, or the one of the module that it names or lies in.
 * Without a mask none drops.
 */
function dropoutsOf(network: NamedForPyTorch, masks: Parameters): Map<string, Dropout2d> {
  const parent = (name: string): string => `${name.slice(0, Math.max(0, name.lastIndexOf(".")))}.`;
  const layers = [...modulesOf(network)].flatMap(([path, m]) =>
    m instanceof Dropout2d ? [[network.pytorchName(path), m] as const] : [],
  );
  return new Map(
    [...masks.keys()].map((name) => {
      const found = layers.find(([n]) => n === name) ?? layers.find(([n]) => `${name}.`.startsWith(parent(n)));
      if (!found)
        throw new Error(
          `no dropout layer is called ${name}; there are ${layers
            .slice(0, 3)
            .map(([n]) => n)
            .join(", ")} …`,
        );
      return [`mask/${name}`, found[1]];
    }),
  );
}

async function checkNetwork(
  file: GoldenFile,
  device: Device,
  c: Comparison,
  { network, width, run, infer, parameters, gradient, narrow }: Plan,
): Promise<void> {
  const tolerance = width < 32 && narrow ? narrow : tolerances(width, gradient);
  loadStateDict(
    network,
    new Map([...(parameters ?? under(file.tensors, "param/")), ...under(file.tensors, "buf_before/")]),
  );
  const masks = under(file.tensors, "mask/");
  const dropouts = dropoutsOf(network, masks);
  const inputs = Object.fromEntries([
    ...[...under(file.tensors, "in/")].map(([k, x]) => [k, toNhwc(x)] as const),
    ...[...masks].map(([k, x]) => [`mask/${k}`, x] as const),
  ]);
  const gradients = under(file.tensors, "grad/");
  const inputGradients = under(file.tensors, "grad_in/");
  const names = foreignNames(network).filter(({ name }) => gradients.has(name));
  const specs = Object.fromEntries(Object.entries(inputs).map(([k, { shape }]) => [k, shape]));
  using program = await device.compile(
    (t: Record<string, Tensor>): Record<string, Tensor> => {
      for (const [name, layer] of dropouts) layer.mask = t[name];
      const {
        result: { outputs, losses },
        norms,
      } = normsDuring(network, () => run(t));
      for (const layer of dropouts.values()) layer.mask = undefined;
      const of = [...names.map(({ variable }) => variable.value), ...[...inputGradients.keys()].map((k) => t[k]!)];
      const found = grad(losses.total ?? Object.values(losses)[0]!, of);
      return {
        ...prefixed("out/", outputs),
        ...prefixed("loss/", losses),
        ...(width < 32 ? prefixed("norm/", norms) : {}),
        ...Object.fromEntries(names.map(({ name }, i) => [`grad/${name}`, found[i]!])),
        ...Object.fromEntries([...inputGradients.keys()].map((k, i) => [`grad_in/${k}`, found[names.length + i]!])),
      };
    },
    specs,
    { mode: "train" },
  );
  const feeds = Object.fromEntries(Object.entries(inputs).map(([k, { data }]) => [k, data]));
  program.run(feeds);
  const got: Record<string, ArrayLike<number>> = await program.read();
  const after = under(file.tensors, "buf_after/");
  for (const { name, variable } of foreignNames(network)) {
    const want = after.get(name);
    if (want) c.check(`buf_after/${name}`, await device.read(variable), want.data, tolerance.output);
  }
  const evaluated = under(file.tensors, "out_eval/");
  if (infer && evaluated.size) {
    const outputs = await runOn(device, { x: inputs.x! }, ({ x }) => infer(x));
    for (const [k, x] of evaluated) c.check(`out_eval/${k}`, outputs[k] ?? [], toNhwc(x).data, tolerance.output);
  }
  const checks = (check: Check): void => {
    for (const [k, x] of under(file.tensors, "out/")) check(`out/${k}`, toNhwc(x).data, tolerance.output);
    for (const [k, x] of under(file.tensors, "loss/")) check(`loss/${k}`, x.data, tolerance.output);
    for (const [k, x] of inputGradients) check(`grad_in/${k}`, toNhwc(x).data, tolerance.gradient);
    eachGradient(network, gradients, tolerance.gradient, (name, ...rest) => check(`grad/${name}`, ...rest));
  };
  const again = async (): Promise<Record<string, ArrayLike<number>>> => {
    program.run(feeds);
    return program.read();
  };
  // A ReLU that f32 decides otherwise is put right where it can be found; what then still is off is held against
  // rounding.
  const right = await settled(c, device, network, got, checks, again);
  await checkRounded(
    c,
    device,
    right,
    checks,
    names.map(({ variable }) => variable),
    again,
  );
  const unknown = [...gradients.keys()].filter((k) => !names.some(({ name }) => name === k));
  if (unknown.length)
    c.failures.push(`${unknown.length} gradients belong to no parameter: ${unknown.slice(0, 4).join(", ")}`);
}

const prefixed = (prefix: string, ts: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(ts).map(([k, t]) => [prefix + k, t]));

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
      return { outputs: { y }, losses: { total: l1(y, head!) } };
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
