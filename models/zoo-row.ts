// What the registry of networks says of each: a row of models/zoo.ts.
import type { Module, Tensor } from "../engine/index.ts";
import type { Node } from "./cost.ts";
import { type ForeignTensor, type NamedForPyTorch, StateDictError } from "./pytorch.ts";
import type { HintLevel, Segmentor } from "./segmentor.ts";

export type Outputs = Readonly<Record<string, Tensor>>;

export type Role = "segmentor" | "generator" | "discriminator" | "encoder" | "features" | "fusion";

/** A network of the registry. */
export interface ZooRow<M extends NamedForPyTorch = NamedForPyTorch> {
  readonly role: Role;
  /** Where the paper shows or describes it. */
  readonly figure: string;
  readonly type: abstract new (...options: never[]) => M;
  /** Other names that the literature has. */
  readonly aliases?: readonly string[];
  /** The network at the paper's width. */
  atFullWidth(): M;
  /** The tensor of a state dict that the width is read from: where it is missing, the dict is another network's. */
  readonly firstTensor: string;
  /** The network that a state dict's shapes tell of; `width` replaces the one they give. */
  fitting(shapes: StateDictShapes, width: number | undefined): M;
  /** Shapes of the inputs by name, for one image of `size` × `size` pixels. */
  inputShapes(network: M, size: number): Record<string, number[]>;
  /** A forward pass: outputs by name, or the only one. */
  forward(network: M, inputs: Outputs): Outputs | Tensor;
  /** Name of the only output, where `forward` gives one tensor. */
  readonly output?: string;
  /** How `cmedl models` counts a forward pass, where it is not a plain one of all outputs on one image. */
  readonly cost?: CostRule<M>;
}

export interface CostRule<M> {
  /** Images that a pass takes, 1. */
  readonly images?: number;
  /** The smallest image that gives an output, 0. */
  readonly smallest?: number;
  /** What is counted, in place of `forward`. */
  traced?(network: M, inputs: Outputs): readonly Tensor[];
  /** Shapes for `traced`, in place of `inputShapes`. */
  inputShapes?(size: number): Record<string, number[]>;
  /**
   * Nodes that the reference computes by a function call and not by a layer: measured there layer by layer, their
   * output is not counted.
   */
  byFunction?(node: Node): boolean;
}

export interface SegmentorOptions {
  readonly inputs?: number;
  readonly outputs?: number;
  readonly hints?: HintLevel;
  /** Share of each structure that the masks start at; without it one half. */
  readonly prior?: readonly number[];
  /** Channels at full resolution; the row's own if absent. */
  readonly width?: number;
}

/** A network that `--segmentor` chooses. */
export interface SegmentorRow<M extends Segmentor = Segmentor> extends ZooRow<M> {
  readonly role: "segmentor";
  /** As the paper's tables call it. */
  readonly title: string;
  /** Channels at full resolution, as the paper has them. */
  readonly width: number;
  /** Times that it halves an image: sides must be multiples of 2 to this power. */
  readonly halvings: number;
  /** Levels of features that it can give for distillation. */
  readonly hints: readonly HintLevel[];
  make(options: SegmentorOptions): M;
  /** Its last two decoder stages with all behind them, in order: what fine-tuning moves. */
  lastStages(network: M): readonly Module[];
}

/** What the names and shapes of a state dict tell of the network that it is of. */
export class StateDictShapes {
  constructor(
    readonly dict: ReadonlyMap<string, ForeignTensor>,
    /** The convolution that the width is read from: K outputs, C inputs. */
    readonly first: { readonly outputs: number; readonly inputs: number },
  ) {}

  /** Size of a tensor along an axis. Throws StateDictError where the dict has no such tensor or axis. */
  size(name: string, axis: number): number {
    const size = this.dict.get(name)?.shape[axis];
    if (size === undefined) throw new StateDictError(`the weights are not those of this network: missing ${name}`);
    return size;
  }

  /** How many tensors have such a name. */
  count(name: RegExp): number {
    return [...this.dict.keys()].filter((k) => name.test(k)).length;
  }
}

/** Channels of the image that a network's first convolution [R, S, C, K] takes; 1 where it has none. */
export function channelsOf(network: NamedForPyTorch): number {
  for (const { shape } of network.variables().values()) if (shape.length === 4) return shape[2]!;
  return 1;
}

/** One image, of the channels that the first convolution takes. */
export const oneImage = (network: NamedForPyTorch, size: number): Record<string, number[]> => ({
  image: [1, size, size, channelsOf(network)],
});

/** The shapes that a row's network is fitted to. Throws StateDictError where the dict is plainly another network's. */
export function fittingShapes(
  name: string,
  { firstTensor }: Pick<ZooRow, "firstTensor">,
  dict: ReadonlyMap<string, ForeignTensor>,
): StateDictShapes {
  const [outputs, inputs, ...kernel] = dict.get(firstTensor)?.shape ?? [];
  if (outputs === undefined || inputs === undefined || kernel.length !== 2) {
    const problem = dict.has(firstTensor) ? `${firstTensor} is no convolution's` : `missing ${firstTensor}`;
    throw new StateDictError(`the weights are not those of ${name}: ${problem}; the file has ${someNames(dict)}`);
  }
  return new StateDictShapes(dict, { outputs, inputs });
}

/** The first names of a dict, fit to print. */
function someNames(dict: ReadonlyMap<string, ForeignTensor>): string {
  const names = [...dict.keys()].slice(0, 3).join(", ");
  return `${names.replace(/[^ -;=?-~]/g, "?") || "no tensors"}${dict.size > 3 ? " …" : ""}`;
}
