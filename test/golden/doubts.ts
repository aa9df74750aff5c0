// ReLU decisions within rounding of 0. Where a normalised value stands 10⁻⁶ from 0, PyTorch's f64 and our f32 may
// decide otherwise, and every gradient below that layer differs by the one element. Whether that is all is found out:
// the value is moved to the other side by its norm's bias, by at most a few 10⁻⁶, and the gradients must then agree
// as tightly as everywhere.
import type { Device, Module, Tensor, Variable } from "../../engine/index.ts";
import { BatchNorm2d, modulesOf } from "../../models/blocks.ts";
import { Comparison } from "./comparison.ts";
import type { Check } from "./rounding.ts";

/** A bias to move, by how much. */
interface Doubt {
  /** Layer, channel and value, for the report. */
  readonly name: string;
  readonly bias: Variable;
  readonly channel: number;
  readonly by: number;
}

/** Values farther than this from 0 are decided; below it lies f32's rounding of the whole network. */
const DOUBTFUL = 3e-6;

/** Runs that a check may spend on values in doubt. */
const MOST = 8;

type Values = Record<string, ArrayLike<number>>;

/** Keeps what every batch norm of a network gives, by path, while `run` traces it. */
export function normsDuring<T>(network: Module, run: () => T): { result: T; norms: Record<string, Tensor> } {
  const norms: Record<string, Tensor> = {};
  const layers = [...modulesOf(network)].filter((e): e is [string, BatchNorm2d] => e[1] instanceof BatchNorm2d);
  for (const [path, layer] of layers)
    layer.forward = (x) => (norms[path] = BatchNorm2d.prototype.forward.call(layer, x));
  try {
    return { result: run(), norms };
  } finally {
    // The method of the class is seen again.
    for (const [, layer] of layers) delete (layer as Partial<BatchNorm2d>).forward;
  }
}

/** What is in doubt, closest to 0 first. */
function doubtsOf(network: Module, norms: Readonly<Record<string, ArrayLike<number>>>): Doubt[] {
  const found: Doubt[] = [];
  for (const [path, values] of Object.entries(norms)) {
    const { bias } = modulesOf(network).get(path) as BatchNorm2d;
    for (let i = 0; i < values.length; i++) {
      if (Math.abs(values[i]!) < DOUBTFUL)
        found.push({
          name: `${path}[${i % bias.size}] = ${values[i]!.toExponential(1)}`,
          bias,
          channel: i % bias.size,
          by: values[i]!,
        });
    }
  }
  return found.sort((a, b) => Math.abs(a.by) - Math.abs(b.by));
}

/** The step that takes a doubtful value over 0: twice its size, and not less than a hundredth of the doubt. */
const step = ({ by }: Doubt): number => -Math.sign(by || 1) * Math.max(2 * Math.abs(by), DOUBTFUL / 100);

/**
 * Values of a run in which the ReLUs in doubt are decided as `checks` want them: where some fail, each doubt in turn
 * is moved over 0, and stays there if fewer fail. `got` holds what norms give under "norm/"; biases stay as they were
 * decided, so that `again` repeats it.
 */
export async function settled(
  c: Comparison,
  device: Device,
  network: Module,
  got: Values,
  checks: (check: Check) => void,
  again: () => Promise<Values>,
): Promise<Values> {
  const failing = (values: Values): number => {
    const trial = new Comparison();
    checks((key, want, tolerance, floor) => trial.check(key, values[key] ?? [], want, tolerance, floor));
    return trial.failures.length;
  };
  const norms = Object.fromEntries(
    Object.entries(got)
      .filter(([k]) => k.startsWith("norm/"))
      .map(([k, v]) => [k.slice("norm/".length), v]),
  );
  for (const doubt of failing(got) > 0 ? doubtsOf(network, norms).slice(0, MOST) : []) {
    const values = Float32Array.from(await device.read(doubt.bias));
    values[doubt.channel]! += step(doubt);
    device.write(doubt.bias, values);
    const other = await again();
    if (failing(other) < failing(got)) {
      got = other;
      c.notes.push(`a ReLU decided otherwise than PyTorch's at ${doubt.name}`);
      if (failing(got) === 0) break;
    } else {
      values[doubt.channel]! -= step(doubt);
      device.write(doubt.bias, values);
    }
  }
  return got;
}
