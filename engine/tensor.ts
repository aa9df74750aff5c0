// A Tensor is a value in a graph: shape, dtype and the node that makes it. It owns no memory.
import type { DType } from "./dtype.ts";
import { bytesPerElement } from "./dtype.ts";
import type { Attrs, Op } from "./op.ts";
import { type Shape, isShape, show, sizeOf } from "./shape.ts";
import { ShapeError } from "./errors.ts";

let nodeCount = 0;
let sites = false;

/**
 * Whether nodes made from now on remember who made them: a stack trace each, for debugging. Gives what was set
 * before.
 */
export function rememberSites(on: boolean): boolean {
  const before = sites;
  sites = on;
  return before;
}

/** The functions that called the engine, innermost first: "DoubleConv.forward < UNet.forward". */
function callers(): string {
  const names = (new Error().stack ?? "")
    .split("\n")
    .map((line) => /^\s*at (?:async )?(?:new )?([\w$.#]+) /.exec(line)?.[1] ?? "")
    .filter((name) => /^[A-Z]\w*\./.test(name) && !/^(Node|Array|Object|Function|Map|Set)\./.test(name));
  return [...new Set(names)].slice(0, 4).join(" < ");
}

/** One application of an op. Ids grow with creation, so creation order is a topological order. */
export class Node {
  readonly id = nodeCount++;
  /** Who made it, where sites are remembered. */
  readonly site = sites ? callers() : undefined;
  readonly outputs: readonly Tensor[];

  constructor(
    readonly op: Op,
    readonly inputs: readonly Tensor[],
    readonly attrs: Attrs,
  ) {
    this.outputs = op.infer(inputs, attrs).map((spec, i) => new Tensor(this, i, spec.shape, spec.dtype));
  }
}

export class Tensor {
  constructor(
    readonly node: Node,
    readonly index: number,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {
    if (!isShape(shape)) throw new ShapeError(node.op.name, `${show(shape)} is no shape: sizes are whole numbers ≥ 0`);
  }
  get rank(): number {
    return this.shape.length;
  }
  get size(): number {
    return sizeOf(this.shape);
  }
  get bytes(): number {
    return this.size * bytesPerElement(this.dtype);
  }
  toString(): string {
    return `${this.node.op.name} ${this.dtype}${show(this.shape)}`;
  }
}

/** Applies an op that has one output. */
export function apply<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return new Node(op, inputs, attrs).outputs[0];
}

/** Applies an op; all its outputs. */
export function applyAll<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] {
  return new Node(op, inputs, attrs).outputs;
}
