// What a graph is cut into: stages, each one kernel's worth of work, and what is stored between them.
import type { AtLeastOne, View } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Residence, aliasOf } from "./access.ts";

/** Offsets of bindings are multiples of this many bytes on every device. */
export const OFFSET_ALIGNMENT = 256;
/** Offsets of copies are multiples of this many bytes: an f16 tensor may begin between two. */
export const COPY_ALIGNMENT = 4;

export type Stage =
  /** Computes `result` elementwise, and writes it a second time into its view of a joined tensor. */
  | { readonly kind: "map"; readonly result: Tensor; readonly duplicate?: Residence; readonly order: number }
  /** Writes `value` into its view of the joined tensor `into`. */
  | {
      readonly kind: "part";
      readonly value: Tensor;
      readonly into: Tensor;
      readonly view: View;
      readonly order: number;
    }
  /** A reduction or an op with its own kernels, and the chain of its result. */
  | { readonly kind: "reduce" | "kernel"; readonly node: Node; readonly chain: Chain; readonly order: number };

/**
 * What becomes of a kernel's result before it is stored: raw, …, end; of one size all. Without an epilogue raw is the
 * end.
 */
export interface Chain {
  readonly tensors: AtLeastOne<Tensor>;
  /** The shape among theirs that all others are merges of: an epilogue loops over it. */
  readonly domain: Shape;
}
export const rawOf = ({ tensors }: Chain): Tensor => tensors[0];
export const endOf = ({ tensors }: Chain): Tensor => tensors.at(-1)!;

/** The stored tensors that a stage makes; a part makes none. */
export function writtenBy(stage: Stage): readonly Tensor[] {
  if (stage.kind === "map") return [stage.result];
  if (stage.kind === "part") return [];
  return stage.node.outputs.length > 1 ? stage.node.outputs : [endOf(stage.chain)];
}

/** Where the stage's result was made, if its node remembers. */
export const siteOf = (stage: Stage): string | undefined =>
  (stage.kind === "map" ? stage.result.node : stage.kind === "part" ? stage.value.node : stage.node).site;

/** The stored tensors that a stage reads. */
export function readsOf(stage: Stage, stored: ReadonlySet<Tensor>): ReadonlySet<Tensor> {
  const found = new Set<Tensor>();
  const seen = new Set<Tensor>(stage.kind === "kernel" || stage.kind === "reduce" ? stage.chain.tensors : []);
  const visit = (t: Tensor): void => {
    if (seen.has(t)) return;
    seen.add(t);
    const { base } = aliasOf(t, (x) => stored.has(x));
    if (stored.has(base)) found.add(base);
    else t.node.inputs.forEach(visit);
  };
  if (stage.kind === "map") stage.result.node.inputs.forEach(visit);
  else if (stage.kind === "part") visit(stage.value);
  else [...stage.node.inputs, ...stage.chain.tensors.slice(1).flatMap((t) => t.node.inputs)].forEach(visit);
  return found;
}

export interface Fusion {
  /** In the order of execution. */
  readonly stages: readonly Stage[];
  readonly stored: ReadonlySet<Tensor>;
  /** Stored tensors that have no memory of their own: they are parts of joined ones. */
  readonly residences: ReadonlyMap<Tensor, Residence>;
}

/** What the kernels of an op allow. */
export interface KernelSeams {
  /** Storage bindings left for an epilogue; 0 forbids one. */
  epilogueRoom(node: Node): number;
  /** Whether the result may be stored at a view of a larger tensor. */
  canPlace(node: Node, view: View): boolean;
}
export interface BindingLimits {
  readonly maxStorageBuffers: number;
  readonly maxBindingBytes: number;
}
