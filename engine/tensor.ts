// A Tensor is a value in a graph: shape, dtype and the node that makes it. It owns no memory.
import { oneOf } from "./choice.ts";
import { DTYPES, type DType, bytesPerElement } from "./dtype.ts";
import type { AtLeastOne, Attrs, Op, OpInputs } from "./op.ts";
import { type Shape, isShape, show, sizeOf } from "./shape.ts";
import { ShapeError, UsageError } from "./errors.ts";
import { currentTrace } from "./trace.ts";

let nodeCount = 0;
let siteNow: (() => string | undefined) | undefined;

/**
 * From now on each new node stores what `site` returns as its site, for debugging and profiling; undefined stops that.
 * Returns the function that was set before.
 */
export function rememberSites(site: (() => string | undefined) | undefined): typeof siteNow {
  const before = siteNow;
  siteNow = site;
  return before;
}

/** One application of an op. Ids grow with creation, so creation order is a topological order. */
export class Node {
  readonly id = nodeCount++;
  /** The trace that it was made in; undefined outside. */
  readonly trace = currentTrace()?.id;
  readonly outputs: AtLeastOne<Tensor>;

  constructor(
    readonly op: Op,
    readonly inputs: OpInputs,
    readonly attrs: Attrs,
    /** Who made it, where sites are remembered. */
    readonly site = siteNow?.(),
  ) {
    inputs.forEach((x, i) => {
      if (!(x instanceof Tensor)) throw new UsageError(`${op.name}: input ${i} is ${whatIs(x)}`);
    });
    const [first, ...others] = op.infer(inputs, attrs).map((spec, i) => new Tensor(this, i, spec.shape, spec.dtype));
    if (!first) throw new Error(`internal: ${op.name} has no output`);
    this.outputs = [first, ...others];
  }
}

/**
 * A value in a graph: shape, dtype, and the node that makes it. It owns no memory and needs no disposal; ops take and
 * return it inside or outside of a trace.
 */
export class Tensor {
  constructor(
    readonly node: Node,
    readonly index: number,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {
    if (!Array.isArray(shape) || !isShape(shape))
      throw new ShapeError(
        node.op.name,
        `${Array.isArray(shape) ? show(shape) : String(shape)} is no shape: sizes are whole numbers ≥ 0`,
      );
    oneOf(node.op.name, "dtype", dtype, DTYPES);
  }
  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  /** Bytes of the elements, were they stored. */
  get bytes(): number {
    return this.size * bytesPerElement(this.dtype);
  }
  toString(): string {
    return `${this.node.op.name} ${this.dtype}${show(this.shape)}`;
  }
}

/** What something is that is no tensor, and what would be one. */
export function whatIs(value: unknown): string {
  if (value instanceof Tensor) return `a tensor, ${value}`;
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}, not a tensor`;
  if ("value" in value && value.value instanceof Tensor) return "a variable, not a tensor; take its value (v.value)";
  if (value instanceof Promise) return "a promise, not a tensor; await what it promises before";
  const numbers = Array.isArray(value) || ArrayBuffer.isView(value);
  return numbers ? "numbers, not a tensor; make them an input or a Variable" : "an object, not a tensor";
}

/** Applies an op that has one output. */
export function apply<A extends Attrs, I extends OpInputs>(op: Op<A, I>, inputs: NoInfer<I>, attrs: A): Tensor {
  return new Node(op, inputs, attrs).outputs[0];
}

/** Applies an op; all its outputs. */
export function applyAll<A extends Attrs, I extends OpInputs>(
  op: Op<A, I>,
  inputs: NoInfer<I>,
  attrs: A,
): AtLeastOne<Tensor> {
  return new Node(op, inputs, attrs).outputs;
}
