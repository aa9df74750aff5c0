// Two statistics of one walk, moments or two sums: whole, or of parts that a second dispatch joins, moments-merge or
// merge-then-map.
import type { Traits } from "../../kernels/kernel.ts";
import {
  momentsColumns,
  momentsGroup,
  momentsMerge,
  momentsRows,
  sumsColumns,
  sumsGroup,
} from "../../kernels/reduce/reduce.ts";
import type { ReduceOp } from "../op.ts";
import type { Node } from "../tensor.ts";
import { type Dispatch, type Memory, makeDispatch, typeAliases } from "../wgsl/dispatch.ts";
import { type Ahead, HookContext } from "../wgsl/emit.ts";
import { type ReduceStage, type Walk, walkParams } from "./reduce.ts";
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";

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

/**
 * Threads of a workgroup, and how many neighbouring columns they take: 64 bytes, which neighbouring threads read at
 * once.
 */
export function neighboursOf(
  traits: Traits,
  columns: number,
  width: 1 | 4,
): { threads: number; wide: number; tiles: number } {
  let wide = 16 / width;
  while (wide >= 2 * columns) wide /= 2;
  return { threads: traits.cpu ? 64 : 256, wide, tiles: Math.ceil(columns / wide) };
}

/** Workgroups that a stage is cut into where it is long enough. */
export const WORKGROUPS = 256;

export function statisticsOfParts(
  { node, traits, newScratch }: ReduceStage,
  { shape, context, first, hook }: Walk,
): { dispatch: Dispatch; parts: Parts } {
  const { columns, width, outs, count } = shape;
  const moments = (node.op as ReduceOp).combine === "moments";
  const emit = (ahead?: Ahead): Record<string, string> => ({
    value: hook("value", 0, ahead),
    ...(moments ? {} : { other: hook("other", 1, ahead) }),
  });
  const halves = ({ memory, plane }: Parts): [Memory, Memory] => [
    { ...memory, bytes: 4 * plane },
    { ...memory, offset: 4 * plane, bytes: 4 * plane },
  ];
  if (traits.cpu || !columns) {
    const parts = newParts(outs, shape.splits, shape.chunk, newScratch);
    const [a, b] = halves(parts);
    const given = { ...first, params: walkParams(shape), hooks: emit() };
    return {
      parts,
      dispatch: moments
        ? makeDispatch({ ...given, ...momentsKernel(first, columns), buffers: { mean: a, spread: b } })
        : makeDispatch({ ...given, kernel: sumsColumns, buffers: { y0: a, y1: b } }),
    };
  }
  const { threads, wide, tiles } = neighboursOf(traits, outs / width, width);
  const chunk = Math.max(Math.ceil(count / Math.ceil(WORKGROUPS / tiles)), (2 * threads) / wide);
  const splits = Math.ceil(count / chunk);
  const parts = newParts(outs, splits, chunk, newScratch);
  const [a, b] = halves(parts);
  const ahead: Ahead = { moving: 1, lines: [] };
  const hooks = emit(ahead);
  hooks.before = `fn before(o : u32) {\n  ${ahead.lines.join("\n  ")}\n}`;
  return {
    parts,
    dispatch: makeDispatch({
      ...first,
      kernel: moments ? momentsGroup : sumsGroup,
      params: { outs: outs / width, count, wide, chunk, splits },
      consts: { THREADS: threads },
      hooks,
      buffers: { first: a, second: b },
    }),
  };
}

export function lowerStatistics(stage: ReduceStage, w: Walk): Dispatch[] {
  const { shape, first, hook } = w;
  if (shape.splits > 1) {
    const { dispatch, parts } = statisticsOfParts(stage, w);
    return [dispatch, mergeParts(stage, parts, shape.outs, shape.count, first.label, shape.columns)];
  }
  const [a, b] = stage.node.outputs.map((t) => stage.memoryOf(t));
  const given = { ...first, params: walkParams(shape) };
  if ((stage.node.op as ReduceOp).combine === "moments")
    return [
      makeDispatch({
        ...given,
        ...momentsKernel(first, shape.columns),
        hooks: { value: hook("value", 0) },
        buffers: { mean: a, spread: b },
      }),
    ];
  return [
    makeDispatch({
      ...given,
      kernel: sumsColumns,
      hooks: { value: hook("value", 0), other: hook("other", 1) },
      buffers: { y0: a, y1: b },
    }),
  ];
}

const momentsKernel = ({ aliases }: Walk["first"], columns: boolean) =>
  columns ? { kernel: momentsColumns, aliases } : { kernel: momentsRows, aliases: {} };

/** Joins parts into the results of `node`. Parts of rows stand side by side and are not runs of them. */
export function mergeParts(
  { node, memoryOf }: { readonly node: Node; memoryOf(t: Node["outputs"][number]): Memory },
  { memory, plane, splits, chunk }: Parts,
  outs: number,
  count: number,
  label: string,
  columns = true,
): Dispatch {
  const [a, b] = node.outputs.map(memoryOf);
  const cost = { flops: 8 * outs * splits, bytes: 8 * outs * (splits + 1) };
  const given = { label: `${label}, joined`, context: new HookContext(1), cost };
  if ((node.op as ReduceOp).combine === "moments") {
    const params = { outs, splits, count, chunk, plane, strideO: columns ? 1 : splits, strideS: columns ? outs : 1 };
    return makeDispatch({
      ...given,
      kernel: momentsMerge,
      params,
      buffers: { part: memory, mean: a, variance: b },
      consts: { CHUNKED: columns },
    });
  }
  const name = given.context.bind(memory, "f32");
  const second = given.context.number(plane);
  const hooks = {
    value: `fn value(o : u32, r : u32) -> F { return ${name}[r * params.outs + o]; }`,
    other: `fn other(o : u32, r : u32) -> F { return ${name}[${second} + r * params.outs + o]; }`,
  };
  return makeDispatch({
    ...given,
    kernel: sumsColumns,
    params: { outs, count: splits, chunk: splits, splits: 1 },
    buffers: { y0: a, y1: b },
    aliases: typeAliases(1),
    hooks,
  });
}
