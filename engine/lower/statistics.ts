// Two statistics of one walk, moments or two sums: whole, or of parts that a second dispatch joins, moments-merge or
// merge-then-map.
import { momentsMerge } from "../../kernels/reduce/statistics.ts";
import type { ReduceOp } from "../op.ts";
import type { Node, Tensor } from "../tensor.ts";
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import { HookContext } from "../wgsl/context.ts";
import { type Dispatch, type DispatchParts, makeDispatch, typeAliases } from "../wgsl/dispatch.ts";
import { type Ahead, functionText } from "../wgsl/emit.ts";
import type { Memory } from "../fuse/memory.ts";
import {
  type ReduceStage,
  WORKGROUPS,
  type Walk,
  type WalkOfChunks,
  neighboursOf,
  walkOf,
  walkParams,
} from "./loops.ts";
import { type StatisticsKernels, statisticsOf } from "./statistics-op.ts";

/**
 * Statistics of parts of columns in one buffer of floats: the first ones, part s of column o at s·outs + o, and
 * `plane` behind them the second.
 */
export interface Parts {
  readonly memory: Memory;
  readonly plane: number;
  readonly splits: number;
  /** Elements of a part; the last has what is left. */
  readonly chunk: number;
}

/** Room for parts. Either plane can be bound alone. */
export function newParts(outs: number, splits: number, chunk: number, newScratch: (bytes: number) => Memory): Parts {
  const plane = Math.ceil((4 * outs * splits) / OFFSET_ALIGNMENT) * (OFFSET_ALIGNMENT / 4);
  return { memory: newScratch(8 * plane), plane, splits, chunk };
}

const isMoments = (node: Node): boolean => (node.op as ReduceOp).combine === "moments";

/** The kernels of a reduction to two statistics. */
export function statisticsKernels(node: Node): StatisticsKernels {
  const statistics = statisticsOf(node);
  if (!statistics) throw new Error(`internal: ${node.op.name} gives no two statistics`);
  return statistics.kernels;
}

/** Both results of a reduction to statistics. */
export function statisticsIn(node: Node, memoryOf: (t: Tensor) => Memory): [first: Memory, second: Memory] {
  const [first, second] = node.outputs;
  if (!second) throw new Error(`internal: ${node.op.name} gives no two statistics`);
  return [memoryOf(first), memoryOf(second)];
}

/** The hooks that give an element of what is reduced: of one input, or of two that are summed. */
export function elementHooks(node: Node, hook: Walk["hook"], ahead?: Ahead): Record<string, string> {
  const value = hook("value", 0, ahead);
  return isMoments(node) ? { value } : { value, other: hook("other", 1, ahead) };
}

/** The hook that runs ahead of a workgroup's loop over `r`. */
export const beforeHook = ({ lines }: Ahead): string => functionText("fn before(o : u32)", lines);

/** The dispatch that walks columns or rows with an invocation each, and writes two statistics. */
function walkStatistics(node: Node, { shape, parts, hook }: Walk, first: Memory, second: Memory): Dispatch {
  const { columns, rows } = statisticsKernels(node);
  const own = { ...parts, params: walkParams(shape), hooks: elementHooks(node, hook) };
  if (!isMoments(node)) return makeDispatch({ ...own, kernel: columns, buffers: { y0: first, y1: second } });
  const buffers = { mean: first, spread: second };
  return shape.columns || !rows
    ? makeDispatch({ ...own, kernel: columns, buffers })
    : makeDispatch({ ...own, kernel: rows, aliases: {}, buffers });
}

/** The parts of each column, for a dispatch that joins them; undefined where columns are not cut. */
export function lowerParts(stage: ReduceStage): { dispatch: Dispatch; parts: Parts } | undefined {
  const walk = walkOf(stage);
  return walk?.fits && walk.shape.columns && walk.shape.splits > 1 ? statisticsOfParts(stage, walk) : undefined;
}

function statisticsOfParts(stage: ReduceStage, walk: Walk): { dispatch: Dispatch; parts: Parts } {
  const { node, traits, newScratch } = stage;
  const { splits, chunk, columns, outs } = walk.shape;
  if (!traits.cpu && columns) return statisticsByGroups(stage, walk);
  const parts = newParts(outs, splits, chunk, newScratch);
  return { parts, dispatch: walkStatistics(node, walk, ...planesOf(parts)) };
}

/** The same by workgroups that hold neighbouring columns: theirs are parts of their own size. */
function statisticsByGroups(
  { node, traits, newScratch }: ReduceStage,
  { shape, parts: walked, hook }: Walk,
): { dispatch: Dispatch; parts: Parts } {
  const { width, outs, count } = shape;
  const { threads, wide, tiles } = neighboursOf(traits, outs / width, width);
  const chunk = Math.max(Math.ceil(count / Math.ceil(WORKGROUPS / tiles)), (2 * threads) / wide);
  const splits = Math.ceil(count / chunk);
  const parts = newParts(outs, splits, chunk, newScratch);
  const [first, second] = planesOf(parts);
  const ahead: Ahead = { moving: 1, lines: [] };
  const elements = elementHooks(node, hook, ahead);
  return {
    parts,
    dispatch: makeDispatch({
      ...walked,
      kernel: statisticsKernels(node).group,
      params: { outs: outs / width, count, wide, chunk, splits },
      consts: { THREADS: threads },
      hooks: { ...elements, before: beforeHook(ahead) },
      buffers: { first, second },
    }),
  };
}

const planesOf = ({ memory, plane }: Parts): [first: Memory, second: Memory] => [
  { ...memory, bytes: 4 * plane },
  { ...memory, offset: 4 * plane, bytes: 4 * plane },
];

export function lowerStatistics(stage: ReduceStage, walk: Walk, windows: readonly WalkOfChunks[]): Dispatch[] {
  const { shape, parts: walked } = walk;
  if (windows.length > 0) return statisticsByWindows(stage, walk, windows);
  if (shape.splits === 1) return [walkStatistics(stage.node, walk, ...statisticsIn(stage.node, stage.memoryOf))];
  const { dispatch, parts } = statisticsOfParts(stage, walk);
  return [dispatch, mergeParts(stage, parts, { ...shape, label: walked.label })];
}

/** Statistics of chunks that several dispatches make. */
function statisticsByWindows(
  stage: ReduceStage,
  { shape, parts: walked }: Walk,
  windows: readonly WalkOfChunks[],
): Dispatch[] {
  const { node, newScratch } = stage;
  const { outs, splits, chunk } = shape;
  const parts = newParts(outs, splits, chunk, newScratch);
  const dispatches = windows.map(({ walk, chunks: { from, to } }) => {
    const [first, second] = planesOf(parts).map((plane) => ({
      ...plane,
      offset: plane.offset + 4 * outs * from,
      bytes: 4 * outs * (to - from),
    })) as [Memory, Memory];
    return walkStatistics(node, walk, first, second);
  });
  return [...dispatches, mergeParts(stage, parts, { ...shape, label: walked.label })];
}

/** What is reduced, as a dispatch that joins its parts needs to know it. */
export interface Reduced {
  readonly outs: number;
  readonly count: number;
  readonly label: string;
  /** Parts of rows stand side by side and are not runs of them. */
  readonly columns: boolean;
}

/** Joins parts into the results of `node`. */
export function mergeParts(
  { node, memoryOf }: Pick<ReduceStage, "node" | "memoryOf">,
  { memory, plane, splits, chunk }: Parts,
  { outs, count, label, columns }: Reduced,
): Dispatch {
  const [first, second] = statisticsIn(node, memoryOf);
  const context = new HookContext(1);
  const own: Pick<DispatchParts, "label" | "context" | "cost"> = {
    label: `${label}, joined`,
    context,
    cost: { flops: 8 * outs * splits, bytes: 8 * outs * (splits + 1) },
  };
  if (isMoments(node)) {
    return makeDispatch({
      ...own,
      kernel: momentsMerge,
      params: { outs, splits, count, chunk, plane, strideO: columns ? 1 : splits, strideS: columns ? outs : 1 },
      buffers: { part: memory, mean: first, variance: second },
      consts: { CHUNKED: columns },
    });
  }
  const name = context.bind(memory, "f32");
  const behind = context.number(plane);
  return makeDispatch({
    ...own,
    kernel: statisticsKernels(node).columns,
    params: { outs, count: splits, chunk: splits, splits: 1 },
    buffers: { y0: first, y1: second },
    aliases: typeAliases(1),
    hooks: {
      value: `fn value(o : u32, r : u32) -> F { return ${name}[r * params.outs + o]; }`,
      other: `fn other(o : u32, r : u32) -> F { return ${name}[${behind} + r * params.outs + o]; }`,
    },
  });
}
