// A fused tree of elementwise ops and views over stored tensors, as a kernel's hook computes it: flattened into steps.
import { constantOp, iotaOp } from "../constant.ts";
import type { DType } from "../dtype.ts";
import type { Attrs, ElementwiseOp, OpInputs, View } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import {
  type Access,
  type StoredTensors,
  aliasOf,
  flatView,
  isContiguous,
  reshapeAccess,
  throughMovement,
  viewThrough,
} from "../fuse/access.ts";

export type Step =
  | { readonly kind: "leaf"; readonly dtype: DType; readonly tensor: Tensor; readonly view: View }
  | { readonly kind: "iota"; readonly dtype: DType; readonly view: View }
  | { readonly kind: "constant"; readonly value: number; readonly dtype: DType }
  | {
      readonly kind: "op";
      readonly dtype: DType;
      readonly op: ElementwiseOp<Attrs, OpInputs>;
      readonly attrs: object;
      readonly args: readonly number[];
    }
  | { readonly kind: "raw"; readonly dtype: DType }
  | { readonly kind: "named"; readonly dtype: DType; readonly name: string };

/** Tensors whose elements a hook is handed by name, where the loop walks them by these strides. */
export interface NamedValues {
  readonly names: ReadonlyMap<Tensor, string>;
  readonly strides: readonly number[];
}
const NONE: NamedValues = { names: new Map(), strides: [] };

/** A tensor's value over a domain, flattened into steps; leaves are stored tensors. */
export class Expression {
  steps: Step[] = [];
  readonly dtype: DType;
  readonly root: number;
  #memo = new Map<string, number>();

  /**
   * `domain` are the sizes of the loop; `access` is the element of `t` that a point of it needs. `stored` is what is
   * read from memory (not the tensor that is being computed). In an epilogue, `chain` are the tensors from the
   * kernel's own value, which is at hand, to `t`: all are walked in the order of the loop.
   */
  constructor(
    t: Tensor,
    readonly domain: Shape,
    access: Access,
    readonly stored: StoredTensors,
    readonly chain: readonly Tensor[] = [],
    readonly named: NamedValues = NONE,
  ) {
    this.dtype = t.dtype;
    this.root = this.#visit(t, access);
  }

  /** Views of all that is read, over the domain. */
  get views(): View[] {
    return this.steps.flatMap((s) => (s.kind === "leaf" || s.kind === "iota" ? [s.view] : []));
  }

  /** Stored tensors that are read. */
  get leaves(): Tensor[] {
    return [...new Set(this.steps.flatMap((s) => (s.kind === "leaf" ? [s.tensor] : [])))];
  }

  /** Views through which one leaf is read. */
  viewsOf(leaf: Tensor): View[] {
    return this.steps.flatMap((s) => (s.kind === "leaf" && s.tensor === leaf ? [s.view] : []));
  }

  /** Counts a leaf's elements from `first`: only a run of it is bound. */
  rebase(leaf: Tensor, first: number): void {
    if (first === 0) return;
    this.steps = this.steps.map((s) =>
      s.kind === "leaf" && s.tensor === leaf
        ? { ...s, view: { offset: s.view.offset - first, strides: s.view.strides } }
        : s,
    );
  }

  #visit(t: Tensor, access: Access): number {
    const key = `${t.node.id}.${t.index}|${JSON.stringify(access)}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const step = this.#step(t, access);
    const at = this.#sameRead(step) ?? this.steps.push(step) - 1;
    this.#memo.set(key, at);
    return at;
  }

  /**
   * The step that reads the same elements of the same tensor, maybe as another shape: what is one value is one step, or
   * `ApartReads` could not tell (emit.ts). Along a dimension of size 1 a stride says nothing.
   */
  #sameRead(step: Step): number | undefined {
    if (step.kind !== "leaf" && step.kind !== "iota") return undefined;
    const walkOf = ({ offset, strides }: View): string =>
      JSON.stringify([offset, strides.filter((_, d) => this.domain[d] !== 1)]);
    const walk = walkOf(step.view);
    const at = this.steps.findIndex(
      (s) =>
        (s.kind === "leaf" || s.kind === "iota") &&
        (s.kind === "leaf" ? s.tensor : undefined) === (step.kind === "leaf" ? step.tensor : undefined) &&
        s.dtype === step.dtype &&
        walkOf(s.view) === walk,
    );
    return at < 0 ? undefined : at;
  }

  #step(t: Tensor, access: Access): Step {
    if (t === this.chain[0]) return { kind: "raw", dtype: t.dtype };
    const rank = this.domain.length;
    const { base, offset } = aliasOf(t, (x) => this.stored.has(x));
    const name = this.named.names.get(base);
    if (name) {
      const { offset: first, strides } = flatView(access, t.shape, rank);
      if (first + offset === 0 && strides.every((s, d) => this.domain[d] === 1 || s === this.named.strides[d]))
        return { kind: "named", dtype: t.dtype, name };
    }
    if (this.stored.has(base)) {
      const leaf = this.#leaf(t, access, base, offset);
      if (leaf) return leaf;
    }
    const { node } = t;
    if (node.op === constantOp) {
      const { value } = node.attrs as { value: number };
      return { kind: "constant", value, dtype: t.dtype };
    }
    if (node.op === iotaOp) return { kind: "iota", dtype: t.dtype, view: flatView(access, t.shape, rank) };
    if (node.op.kind === "elementwise") {
      return {
        kind: "op",
        dtype: t.dtype,
        op: node.op,
        attrs: node.attrs,
        args: node.inputs.map((x) => this.#visit(x, access)),
      };
    }
    if (node.op.kind === "movement") {
      const x = node.inputs[0]!;
      const inner = this.chain.includes(x) ? reshapeAccess(this.domain, x.shape) : throughMovement(node, access, rank);
      if (!inner) throw new Error(`internal: ${t} can't be followed as a view of ${x}`);
      return this.#step(x, inner);
    }
    throw new Error(`internal: ${t} is no expression`);
  }

  /** A read of `t`, which begins `offset` elements into stored `base`; undefined where no one view does that. */
  #leaf(t: Tensor, access: Access, base: Tensor, offset: number): Step | undefined {
    const rank = this.domain.length;
    const residence = this.stored.residence(base);
    if (residence && t === base)
      return { kind: "leaf", dtype: t.dtype, tensor: residence.into, view: viewThrough(access, residence.view, rank) };
    if (residence && !isContiguous(residence.view, base.shape)) return undefined;
    const view = flatView(access, t.shape, rank);
    const first = view.offset + offset + (residence?.view.offset ?? 0);
    return {
      kind: "leaf",
      dtype: t.dtype,
      tensor: residence?.into ?? base,
      view: { offset: first, strides: view.strides },
    };
  }
}
