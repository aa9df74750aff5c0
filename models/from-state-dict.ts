// Networks by name, built to fit a state dict: widths, depths and channels are read from the shapes of its tensors.
import type { Tensor } from "../engine/index.ts";
import type { ForeignTensor, NamedForPyTorch } from "./pytorch.ts";
import { ZOO } from "./zoo.ts";
import { type Outputs, type ZooRow, fittingShapes } from "./zoo-row.ts";

/** A network and how it is called. */
export interface Runnable {
  readonly network: NamedForPyTorch;
  /** Shapes of the inputs by name, for images of `size` × `size`. */
  inputs(size: number): Record<string, number[]>;
  /** Outputs by name. */
  forward(inputs: Readonly<Record<string, Tensor>>): Outputs;
}

/** Names of the networks that `networkFor` builds. */
export const modelNames: readonly string[] = Object.keys(ZOO);
export const isModelName = (name: string): boolean => rowOf(name) !== undefined;

/** The row of a network by its name, or by another that the literature has. */
function rowOf(name: string): readonly [name: string, row: ZooRow] | undefined {
  return Object.entries(ZOO).find(([own, { aliases = [] }]) => own === name || aliases.includes(name));
}

/**
 * The network `model` that the state dict's shapes tell of; `width`, channels at full resolution, is read from it too
 * if absent. The weights are not loaded. Throws StateDictError where the dict is plainly another network's,
 * RangeError for an unknown model.
 */
export function networkFor(model: string, dict: ReadonlyMap<string, ForeignTensor>, width?: number): Runnable {
  const found = rowOf(model);
  if (!found) throw new RangeError(`there is no network ${model}; choose one of ${modelNames.join(", ")}`);
  const [name, row] = found;
  return called(row, row.fitting(fittingShapes(name, row, dict), width), row.output);
}

/** A trained network of a run as it is called; its only output is `output` whatever it is. Throws RangeError. */
export function runnable(network: NamedForPyTorch): Runnable {
  const row = Object.values(ZOO).find(({ type }) => network instanceof type);
  if (!row) throw new RangeError(`${network.constructor.name} is none of the networks ${modelNames.join(", ")}`);
  return called(row, network);
}

const called = (row: ZooRow, network: NamedForPyTorch, output = "output"): Runnable => ({
  network,
  inputs: (size) => row.inputShapes(network, size),
  forward(inputs) {
    const y = row.forward(network, inputs);
    return "shape" in y ? { [output]: y as Tensor } : y;
  },
});
