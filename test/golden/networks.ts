// One network each: param/*, buf_before/*, in/* → out/*, loss/*, grad/*, grad_in/*, buf_after/*, out_eval/*.
import { type Device, type Tensor, add, grad, mean, mul, sigmoid, square, sub, total } from "../../engine/index.ts";
import { l1 } from "../../losses/cycle.ts";
import { leastSquares } from "../../losses/adversarial.ts";
import { dice } from "../../losses/segmentation.ts";
import { PatchDiscriminator, type PatchDiscriminatorOptions } from "../../models/patch-discriminator.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict, permuted } from "../../models/pytorch.ts";
import { ResnetGenerator, type ResnetGeneratorOptions } from "../../models/resnet-generator.ts";
import { UNet, type UNetOptions } from "../../models/unet.ts";
import { Vgg19 } from "../../models/vgg.ts";
import { type Comparison, type GoldenFile, type Stored, norm, under } from "./comparison.ts";
import { runOn, toNhwc } from "./stored.ts";

/** f32 against f64 on narrow nets; at full width single ReLU and max-pool decisions flip, and five times PyTorch's own f32 error is allowed. */
const tolerances = (width: number) => (width < 32 ? { output: 1e-5, gradient: 6e-5 } : { output: 5 * 9e-5, gradient: 5 * 1e-3 });
/** Of a gradient that is truly 0 (a bias before a norm): its rounding, against the gradient of the layer's weight. */
const ZERO_GRADIENT = 1e-4;

type Parameters = ReadonlyMap<string, Stored>;
const sizes = (p: Parameters, name: string): readonly number[] => p.get(name)?.shape ?? fail(name);
const fail = (name: string): never => {
  throw new Error(`the file has no param/${name}`);
};
const count = (p: Parameters, pattern: RegExp): number => [...p.keys()].filter((k) => pattern.test(k)).length;

export const unetOptions = (p: Parameters): Required<UNetOptions> => ({
  width: sizes(p, "inc.conv.conv.0.weight")[0], inputs: sizes(p, "inc.conv.conv.0.weight")[1], outputs: sizes(p, "outc.conv.weight")[0],
  depth: count(p, /^down\d+\.mpconv\.1\.conv\.0\.weight$/),
});

export function generatorOptions(p: Parameters): Required<ResnetGeneratorOptions> {
  const [width, inputs] = sizes(p, "model.1.weight");
  const blocks = count(p, /^model\.\d+\.conv_block\.1\.weight$/);
  return { width, inputs, blocks, outputs: sizes(p, `model.${17 + blocks}.weight`)[0] };
}

export function discriminatorOptions(p: Parameters): Required<PatchDiscriminatorOptions> {
  const [width, inputs] = sizes(p, "model.0.weight");
  return { width, inputs, layers: count(p, /^model\.\d+\.weight$/) - 2 };
}

export const vggOptions = (p: Parameters) => ({ width: sizes(p, "features.0.weight")[0] });

/** The golden files number VGG's convolutions, torchvision its layers. */
export function vggNames(p: Parameters): Map<string, Stored> {
  const layers = [0, 2, 5, 7, 10, 12, 14, 16, 19];
  return new Map([...p].map(([k, x]) => [k.replace(/^conv(\d+)\./, (_, n) => `features.${layers[Number(n) - 1]}.`), x]));
}

/** Whether a parameter's true gradient is 0: a bias before a norm. */
export function isZeroGradient(name: string, wanted: Parameters): boolean {
  const weight = wanted.get(name.replace(/bias$/, "weight"));
  return name.endsWith("bias") && weight !== undefined && norm(wanted.get(name)!.data) < 1e-6 * norm(weight.data);
}

/** Checks gradients by foreign name; those that are truly zero against the scale of their layer's weight. */
export function checkGradients(c: Comparison, network: NamedForPyTorch, prefix: string, got: (name: string) => ArrayLike<number>, wanted: Parameters, tolerance: number): void {
  for (const { name, shape, axes } of foreignNames(network)) {
    const want = wanted.get(name);
    if (!want) continue;
    const zero = isZeroGradient(name, wanted);
    const floor = zero ? norm(wanted.get(name.replace(/bias$/, "weight"))!.data) : 0;
    c.check(`${prefix}${name}`, got(name), permuted(want.data, shape, axes), zero ? ZERO_GRADIENT : tolerance, floor);
  }
}

interface Plan {
  network: NamedForPyTorch;
  width: number;
  /** Outputs and losses by their stored names, and the loss that is differentiated. */
  run: (t: Record<string, Tensor>) => { outputs: Record<string, Tensor>; losses: Record<string, Tensor> };
  /** Outputs in inference mode. */
  infer?: (x: Tensor) => Record<string, Tensor>;
  parameters?: Parameters;
}

async function checkNetwork(file: GoldenFile, device: Device, c: Comparison, { network, width, run, infer, parameters }: Plan): Promise<void> {
  const tolerance = tolerances(width);
  loadStateDict(network, new Map([...(parameters ?? under(file.tensors, "param/")), ...under(file.tensors, "buf_before/")]));
  const inputs = Object.fromEntries([...under(file.tensors, "in/")].map(([k, x]) => [k, toNhwc(x)]));
  const gradients = under(file.tensors, "grad/"), inputGradients = under(file.tensors, "grad_in/");
  const names = foreignNames(network).filter(({ name }) => gradients.has(name));
  const got = await runOn(device, inputs, (t) => {
    const { outputs, losses } = run(t);
    const of = [...names.map(({ variable }) => variable.value), ...[...inputGradients.keys()].map((k) => t[k])];
    const found = grad(losses.total, of);
    return {
      ...prefixed("out/", outputs), ...prefixed("loss/", losses),
      ...Object.fromEntries(names.map(({ name }, i) => [`grad/${name}`, found[i]])),
      ...Object.fromEntries([...inputGradients.keys()].map((k, i) => [`grad_in/${k}`, found[names.length + i]])),
    };
  }, "train");
  const value = (name: string): ArrayLike<number> => (got as Record<string, ArrayLike<number>>)[name] ?? [];
  for (const [k, x] of under(file.tensors, "out/")) c.check(`out/${k}`, value(`out/${k}`), toNhwc(x).data, tolerance.output);
  for (const [k, x] of under(file.tensors, "loss/")) c.check(`loss/${k}`, value(`loss/${k}`), x.data, tolerance.output);
  for (const [k, x] of inputGradients) c.check(`grad_in/${k}`, value(`grad_in/${k}`), toNhwc(x).data, tolerance.gradient);
  checkGradients(c, network, "grad/", (name) => value(`grad/${name}`), gradients, tolerance.gradient);
  const unknown = [...gradients.keys()].filter((k) => !names.some(({ name }) => name === k));
  if (unknown.length) c.failures.push(`${unknown.length} gradients belong to no parameter: ${unknown.slice(0, 4).join(", ")}`);
  const after = under(file.tensors, "buf_after/");
  for (const { name, variable } of foreignNames(network)) {
    const want = after.get(name);
    if (want) c.check(`buf_after/${name}`, await device.read(variable), want.data, tolerance.output);
  }
  const evaluated = under(file.tensors, "out_eval/");
  if (infer && evaluated.size) {
    const outputs = await runOn(device, { x: inputs.x }, ({ x }) => infer(x));
    for (const [k, x] of evaluated) c.check(`out_eval/${k}`, outputs[k] ?? [], toNhwc(x).data, tolerance.output);
  }
}

const prefixed = (prefix: string, ts: Record<string, Tensor>): Record<string, Tensor> => Object.fromEntries(Object.entries(ts).map(([k, t]) => [prefix + k, t]));

export function checkUNet(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const options = unetOptions(under(file.tensors, "param/"));
  const network = new UNet(options);
  return checkNetwork(file, device, c, {
    network, width: options.width,
    run({ x, target }) {
      const { logits, features } = network.forward(x);
      const prob = sigmoid(logits);
      const losses = { dice: dice(prob, target), hint_mse: total(...features.map((f) => mean(square(sub(f, 0.5))))) };
      return {
        outputs: { logits, prob, ...Object.fromEntries(features.map((f, i) => [`hint${i}`, f])) },
        losses: { ...losses, total: add(mul(5, losses.dice), losses.hint_mse) },
      };
    },
    infer: (x) => ({ logits: network.forward(x).logits }),
  });
}

export function checkGenerator(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const options = generatorOptions(under(file.tensors, "param/"));
  const network = new ResnetGenerator(options);
  return checkNetwork(file, device, c, {
    network, width: options.width,
    run({ x, head }) {
      const y = network.forward(x);
      return { outputs: { y }, losses: { total: l1(y, head) } };
    },
  });
}

export function checkPatchGan(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const options = discriminatorOptions(under(file.tensors, "param/"));
  const network = new PatchDiscriminator(options);
  return checkNetwork(file, device, c, {
    network, width: options.width,
    run({ x }) {
      const y = network.forward(x);
      return { outputs: { y }, losses: { total: leastSquares(y, 1) } };
    },
  });
}

export function checkVgg(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const parameters = vggNames(under(file.tensors, "param/"));
  const options = vggOptions(parameters);
  const network = new Vgg19(options);
  return checkNetwork(file, device, c, {
    network, parameters, width: options.width,
    run({ x, ...heads }) {
      const taps = network.features(x);
      return {
        outputs: Object.fromEntries(taps.map((tap, i) => [`tap${i}`, tap])),
        losses: { total: total(...taps.map((tap, i) => mean(mul(tap, heads[`head${i}`])))) },
      };
    },
  });
}
