// Tensors larger than one binding are bound by runs: as much of them as a part of a loop reaches.
import type { Run } from "../../kernels/kernel.ts";
import { bytesPerElement } from "../dtype.ts";
import { type Memory, wholeOf } from "../fuse/memory.ts";
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import type { View } from "../op.ts";
import { type Shape, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { HookContext } from "../wgsl/context.ts";
import { wholeLoop } from "../wgsl/dispatch.ts";
import type { Expression } from "../wgsl/expression.ts";
import type { LoopVariable } from "../wgsl/indexer.ts";

/** A part of a domain, coordinate by coordinate. */
export interface Box {
  readonly start: readonly number[];
  readonly sizes: Shape;
}

/** The smallest box that holds a run of a domain's elements in row-major order. */
export function boxOf(domain: Shape, { first, count }: Run): Box {
  const start = domain.map(() => 0);
  const sizes = [...domain];
  const strides = stridesOf(domain);
  let low = first;
  let high = first + Math.max(count, 1) - 1;
  for (let d = 0; d < domain.length; d++) {
    const stride = strides[d]!;
    const from = Math.floor(low / stride);
    const to = Math.floor(high / stride);
    start[d] = from;
    sizes[d] = to - from + 1;
    if (from !== to) break;
    low -= from * stride;
    high -= to * stride;
  }
  return { start, sizes };
}

/** A tensor as a whole, or the run of it that holds what these views reach; undefined where that is too long. */
export function runWithin(t: Tensor, views: readonly View[], domain: Shape, limit: number): Memory | undefined {
  if (t.bytes <= limit) return wholeOf(t);
  const run = runOf(t, views, domain);
  return run.bytes <= limit ? run : undefined;
}

/** The aligned run of a tensor's memory that holds all elements these views reach over a domain. */
function runOf(t: Tensor, views: readonly View[], domain: Shape): Memory {
  let low = Infinity;
  let high = -Infinity;
  for (const { offset, strides } of views) {
    const ends = strides.map((s, d) => s * (domain[d]! - 1));
    low = Math.min(low, offset + ends.reduce((o, e) => o + Math.min(0, e), 0));
    high = Math.max(high, offset + ends.reduce((o, e) => o + Math.max(0, e), 0));
  }
  const size = bytesPerElement(t.dtype);
  const offset = Math.floor((low * size) / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT;
  return { content: t, offset, bytes: Math.min(t.bytes, Math.ceil(((high + 1) * size) / 16) * 16) - offset };
}

/** A view from the first point of a box. */
const viewFrom = ({ offset, strides }: View, { start }: Box): View => ({
  offset: start.reduce((o, s, d) => o + s * strides[d]!, offset),
  strides,
});

/**
 * For each leaf of these expressions that is larger than `limit` the run of it that they reach within a box of their
 * domain, from which they then count.
 */
export function bindRuns(expressions: readonly Expression[], box: Box, limit: number): ReadonlyMap<Tensor, Memory> {
  const runs = new Map<Tensor, Memory>();
  for (const leaf of new Set(expressions.flatMap((e) => e.leaves))) {
    if (leaf.bytes <= limit) continue;
    const views = expressions.flatMap((e) => e.viewsOf(leaf)).map((v) => viewFrom(v, box));
    const run = runOf(leaf, views, box.sizes);
    runs.set(leaf, run);
    for (const e of expressions) e.rebase(leaf, run.offset / bytesPerElement(leaf.dtype));
  }
  return runs;
}

/** One loop over a domain from its element `first` on, counted in units of the context's width. */
export const loopFrom = (domain: Shape, first: number, context: HookContext): LoopVariable[] =>
  first === 0
    ? wholeLoop(domain)
    : [{ name: `(i + ${context.number(first / context.width)})`, dims: domain.map((_, d) => d) }];
