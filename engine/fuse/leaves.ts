// What it takes to compute a tensor where it is read, in place of reading it.
import type { Tensor } from "../tensor.ts";

export interface InlineCost {
  /** Stored tensors that are read. */
  readonly leaves: ReadonlySet<Tensor>;
  /** Operations per element, and how many ops. */
  readonly flops: number;
  readonly ops: number;
}

export const NOTHING: InlineCost = { leaves: new Set(), flops: 0, ops: 0 };

/** The stored tensors that a tensor is computed from where it is read. */
export class LeafCounter {
  readonly #known = new Map<Tensor, ReadonlySet<Tensor>>();

  /** `leaf`: what a reader of a stored tensor binds. */
  constructor(
    readonly base: (t: Tensor) => Tensor,
    readonly isStored: (t: Tensor) => boolean,
    readonly leaf: (t: Tensor) => ReadonlySet<Tensor>,
  ) {}

  leavesOf(t: Tensor): ReadonlySet<Tensor> {
    const base = this.base(t);
    if (this.isStored(base)) return this.leaf(base);
    const known = this.#known.get(t);
    if (known) return known;
    const found = new Set(t.node.inputs.flatMap((x) => [...this.leavesOf(x)]));
    this.#known.set(t, found);
    return found;
  }

  count(ts: readonly Tensor[]): number {
    return new Set(ts.flatMap((t) => [...this.leavesOf(t)])).size;
  }
}
