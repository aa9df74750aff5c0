// The check of one network: param/*, buf_before/*, in/*, mask/* → out/*, loss/*, grad/*, grad_in/*, buf_after/*,
// out_eval/*.
import { type Device, type Tensor, grad } from "../../engine/index.ts";
import { modulesOf } from "../../models/blocks.ts";
import { Dropout2d } from "../../models/dropout.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict } from "../../models/pytorch.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { normsDuring, settled } from "./doubts.ts";
import { eachGradient } from "./gradients.ts";
import type { Parameters } from "./network-options.ts";
import { type Check, checkRounded } from "./rounding.ts";
import { runOn, toNhwc } from "./stored.ts";

/**
 * f32 against f64 on narrow nets; at full width single ReLU and max-pool decisions flip, and five times PyTorch's own
 * f32 error is allowed.
 */
const tolerances = (width: number, gradient = 1e-3) =>
  width < 32 ? { output: 1e-5, gradient: 6e-5 } : { output: 5 * 9e-5, gradient: 5 * gradient };

export interface Plan {
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

export async function checkNetwork(
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
