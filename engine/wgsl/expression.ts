// A fused tree of elementwise ops and views over stored tensors, as a kernel's hook computes it: flattened into steps.
import { constantOp, iotaOp } from "../constant.ts";
import type { DType } from "../dtype.ts";
import type { ElementwiseOp, View } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import {
  type Access,
  type Memories,
  aliasOf,
  flatView,
  isContiguous,
  reshapeAccess,
  throughMovement,
  viewThrough,
} from "../fuse/access.ts";

type Step =
  | { readonly kind: "leaf"; readonly dtype: DType; readonly tensor: Tensor; readonly view: View }
  | { readonly kind: "iota"; readonly dtype: DType; readonly view: View }
  | { readonly kind: "constant"; readonly value: number; readonly dtype: DType }
  | {
      readonly kind: "op";
      readonly dtype: DType;
      readonly op: ElementwiseOp;
      readonly attrs: object;
      readonly args: readonly number[];
    }
  | { readonly kind: "raw" }
  | { readonly kind: "given"; readonly name: string };

/** Tensors whose elements a hook has at hand: under which name, where the loop walks them as this view says. */
export interface Given {
  readonly names: ReadonlyMap<Tensor, string>;
  readonly strides: readonly number[];
}
const NOTHING: Given = { names: new Map(), strides: [] };

/** A tensor's value over a domain, flattened into steps; leaves are stored tensors. */
export class Expression {
  steps: Step[] = [];
  readonly dtype: DType;
  readonly root: number;
  #memo = new Map<string, number>();

  /**
   * `domain` are the sizes of the loop, `access` says which element of `t` a point of it needs. `memories` tell what
   * is read from memory (not the tensor that is being computed). In an epilogue, `chain` are the tensors from the
   * kernel's own value, which is at hand, to `t`: all are walked in the order of the loop. `given` values are at hand
   * by name.
   */
  constructor(
    t: Tensor,
    readonly domain: Shape,
    access: Access,
    readonly memories: Memories,
    readonly chain: readonly Tensor[] = [],
    readonly given: Given = NOTHING,
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
    const at = this.steps.push(this.#step(t, access)) - 1;
    this.#memo.set(key, at);
    return at;
  }

  #step(t: Tensor, access: Access): Step {
    if (t === this.chain[0]) return { kind: "raw" };
    const rank = this.domain.length;
    const { base, offset } = aliasOf(t, (x) => this.memories.has(x));
    const name = this.given.names.get(base);
    if (name) {
      const { offset: first, strides } = flatView(access, t.shape, rank);
      if (first + offset === 0 && strides.every((s, d) => this.domain[d] === 1 || s === this.given.strides[d]))
        return { kind: "given", name };
    }
    if (this.memories.has(base)) {
      const home = this.memories.home(base);
      if (home && t === base)
        return { kind: "leaf", dtype: t.dtype, tensor: home.into, view: viewThrough(access, home.view, rank) };
      if (!home || isContiguous(home.view, base.shape)) {
        const view = flatView(access, t.shape, rank);
        return {
          kind: "leaf",
          dtype: t.dtype,
          tensor: home?.into ?? base,
          view: { offset: view.offset + offset + (home?.view.offset ?? 0), strides: view.strides },
        };
      }
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
      const [x] = node.inputs;
      const inner = this.chain.includes(x) ? reshapeAccess(this.domain, x.shape) : throughMovement(node, access, rank);
      if (!inner) throw new Error(`internal: ${t} can't be followed as a view of ${x}`);
      return this.#step(x, inner);
    }
    throw new Error(`internal: ${t} is neither stored nor an expression`);
  }
}
