// How the loops of a reduction are cut: over outer axes (columns: neighbouring threads read neighbouring columns) or
// inner axes (rows); into chunks where they are long; by workgroups where these hold whole columns.
import type { Run, Traits } from "../../kernels/kernel.ts";
import { type Range, alignedStep, rangesOf } from "../../kernels/windows.ts";
import type { ReduceOp } from "../op.ts";
import { show, sizeOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type StoredTensors, identityAccess } from "../fuse/access.ts";
import { type Chain, OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import { HookContext } from "../wgsl/context.ts";
import { type DispatchParts, type TypeAliases, typeAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { type Ahead, emitFunction } from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { type LoopVariable, innerSize, vectorizes } from "../wgsl/indexer.ts";
import type { Memory } from "../fuse/memory.ts";
import { type Box, bindRuns, boxOf } from "./runs.ts";

export interface ReduceStage {
  readonly node: Node;
  readonly chain: Chain;
  /** The chain's epilogue, where there is one. */
  readonly tail: Expression | undefined;
  readonly traits: Traits;
  readonly stored: StoredTensors;
  readonly maxBindingBytes: number;
  /** How many times as many chunks a sum is cut into as the device has use for. Default 1. */
  readonly finer?: number;
  memoryOf(t: Tensor): Memory;
  newScratch(bytes: number): Memory;
}

/** What a reduction runs over: outputs `o` along the kept axes, elements `r` of each along the reduced ones. */
export interface Axes {
  readonly domain: readonly number[];
  readonly reduced: readonly number[];
  readonly kept: readonly number[];
  /** Outputs, and elements of each. */
  readonly outs: number;
  readonly count: number;
  /** Whether the innermost dimension is kept: the reduced elements are columns. */
  readonly columns: boolean;
  readonly loop: readonly [o: LoopVariable, r: LoopVariable];
}

export function axesOf(node: Node): Axes {
  const domain = firstInput(node).shape;
  const reduced = (node.op as ReduceOp).axes(node.attrs);
  const kept = domain.map((_, d) => d).filter((d) => !reduced.includes(d));
  const outs = sizeOf(kept.map((d) => domain[d]!));
  return {
    domain,
    reduced,
    kept,
    outs,
    count: sizeOf(reduced.map((d) => domain[d]!)),
    columns: outs > 1 && kept.includes(domain.findLastIndex((n) => n !== 1)),
    loop: [
      { name: "o", dims: kept },
      { name: "r", dims: reduced },
    ],
  };
}

export const firstInput = (node: Node): Tensor => node.inputs[0]!;

/** How the loops of a reduction are cut. */
export interface LoopShape {
  readonly columns: boolean;
  readonly width: 1 | 4;
  readonly outs: number;
  readonly count: number;
  /** Chunks that each output's elements are cut into, and elements (or fours) of a chunk. */
  readonly splits: number;
  readonly chunk: number;
}

/** A reduction's loops and expressions, and the parts that every dispatch that walks them has. */
export interface Walk {
  readonly shape: LoopShape;
  readonly context: HookContext;
  readonly parts: Omit<DispatchParts, "kernel" | "buffers" | "params" | "aliases"> & { readonly aliases: TypeAliases };
  /** The hook that gives an element of the i-th input. */
  hook(name: string, i: number, ahead?: Ahead): string;
  /** Whether what it reads of each tensor fits one binding. */
  readonly fits: boolean;
}

/**
 * The walk over all elements, or over those of a range of chunks. Undefined where the reduction has no output.
 */
export function walkOf(stage: ReduceStage, chunks?: Range): Walk | undefined {
  const { node, maxBindingBytes } = stage;
  const axes = axesOf(node);
  if (axes.outs === 0) return undefined;
  const access = identityAccess(axes.domain);
  const expressions = node.inputs.map((t) => new Expression(t, t.shape, access, stage.stored));
  const whole = cutLoops(stage, axes, expressions);
  const shape = chunks ? within(whole, chunks) : whole;
  // Elements, or fours of a row.
  const first = chunks ? chunks.from * whole.chunk * (whole.columns ? 1 : whole.width) : 0;
  const runs = bindRuns(expressions, boxOfReduced(axes, { first, count: shape.count }), maxBindingBytes);
  const context = new HookContext(shape.width, runs);
  const loop = first === 0 ? axes.loop : loopsFrom(axes.loop, first / (whole.columns ? 1 : whole.width), context);
  const x = firstInput(node);
  return {
    shape,
    context,
    fits: [...runs.values()].every((run) => run.bytes <= maxBindingBytes),
    hook: (name, i, ahead) =>
      emitFunction(`fn ${name}(o : u32, r : u32) -> F`, expressions[i]!, context, loop, shape.columns ? 0 : 1, {
        ahead,
      }),
    parts: {
      label: `${node.op.name} ${show(axes.domain)} over ${show(axes.reduced)}`,
      context,
      aliases: typeAliases(shape.width),
      cost: {
        flops: expressions.reduce((n, e) => n + e.steps.length, 0) * x.size,
        bytes: expressions.flatMap((e) => e.leaves).reduce((n, t) => n + Math.min(t.bytes, x.bytes), 0),
      },
    },
  };
}

export interface WalkOfChunks {
  readonly walk: Walk;
  readonly chunks: Range;
}

/** The shape of a walk over a range of the chunks of another. */
function within(whole: LoopShape, { from, to }: Range): LoopShape {
  const each = whole.chunk * (whole.columns ? 1 : whole.width);
  return { ...whole, splits: to - from, count: Math.min(whole.count, to * each) - from * each };
}

/** The loops of a reduction, the reduced one from its element (or four) `first` on. */
const loopsFrom = ([o, r]: Axes["loop"], first: number, context: HookContext): Axes["loop"] => [
  o,
  { name: `(r + ${context.number(first)})`, dims: r.dims },
];

/** The box of a reduction's domain that a run of the reduced elements lies in. */
function boxOfReduced({ domain, reduced }: Axes, run: Run): Box {
  const inner = boxOf(
    reduced.map((d) => domain[d]!),
    run,
  );
  const of = (d: number, values: readonly number[], otherwise: number): number => {
    const at = reduced.indexOf(d);
    return at < 0 ? otherwise : values[at]!;
  };
  return {
    start: domain.map((_, d) => of(d, inner.start, 0)),
    sizes: domain.map((n, d) => of(d, inner.sizes, n)),
  };
}

/** How many times finer sums are cut where their chunks do not fall into ranges that can be bound. */
const FINER = [1, 4, 16, 64];

/**
 * The walk that a reduction takes, and where that would bind too much one for each of some ranges of its chunks.
 * Undefined where the reduction has no output.
 */
export function windowedWalk(stage: ReduceStage): { whole: Walk; windows: readonly WalkOfChunks[] } | undefined {
  const walk = walkOf(stage);
  if (!walk) return undefined;
  const { columns, outs } = walk.shape;
  // Moments of rows are joined by counts that belong to all of a row.
  const joins = columns || (outs === 1 && (stage.node.op as ReduceOp).combine !== "moments");
  if (walk.fits || !joins) return { whole: walk, windows: [] };
  for (const finer of FINER) {
    const own = { ...stage, finer };
    const whole = walkOf(own)!;
    const windows = windowsOf(own, whole.shape);
    if (windows) return { whole, windows };
  }
  return { whole: walk, windows: [] };
}

/** Walks over ranges of chunks whose results, `outs` floats each, can be bound apart; undefined where none fit. */
function windowsOf(stage: ReduceStage, { splits, outs }: LoopShape): WalkOfChunks[] | undefined {
  const step = alignedStep(outs, { most: Infinity, align: OFFSET_ALIGNMENT / 4 });
  for (let steps = Math.floor((splits - 1) / step); steps > 0; steps >>= 1) {
    const cut = rangesOf(splits, steps * step).map((chunks) => ({ walk: walkOf(stage, chunks)!, chunks }));
    if (cut.every((w) => w.walk.fits)) return cut;
  }
  return undefined;
}

/** Threads that a reduction is cut for, and the most elements that one pass sums whatever its threads. */
const CPU_CUT = { threads: 256, alone: 32768 };
const GPU_CUT = { threads: 16384, alone: 4096 };
/** The longest sum of those, and the shortest chunk. */
const LONGEST_ALONE = 1024;
const SHORTEST_CHUNK = 64;

function cutLoops(
  { node, traits, chain, tail, finer = 1 }: ReduceStage,
  { domain, outs, count, columns, loop }: Axes,
  expressions: readonly Expression[],
): LoopShape {
  const { combine } = node.op as ReduceOp;
  // A second pass costs a dispatch, so only long sums are split: for more threads, and for less rounding.
  const { threads, alone } = traits.cpu ? CPU_CUT : GPU_CUT;
  const splitsOf = (lanes: number, length: number): number =>
    outs * count <= alone && length <= LONGEST_ALONE
      ? 1
      : Math.max(1, Math.min(finer * Math.ceil(threads / lanes), Math.ceil(length / SHORTEST_CHUNK)));
  const cutAt = (width: 1 | 4): LoopShape => {
    const lanes = columns ? outs / width : outs;
    const length = columns ? count : count / width;
    const splits = splitsOf(lanes, length);
    const chunk = Math.max(1, Math.ceil(length / splits));
    return { columns, width, outs, count, chunk, splits: columns ? Math.max(1, Math.ceil(length / chunk)) : splits };
  };
  const views = expressions.flatMap((e) => e.views);
  const tailFits = !tail || !columns || innerSize(chain.domain, wholeLoop(chain.domain), 0, tail.views) % 4 === 0;
  const byFours = (columns || combine !== "moments") && tailFits && vectorizes(domain, loop, columns ? 0 : 1, views);
  if (!byFours) return cutAt(1);
  const shape = cutAt(4);
  // A row's lanes are joined before its epilogue, which is scalar: it needs a pass of its own, or a scalar walk.
  const needsScalar = !columns && tail && (shape.splits === 1 || groupOf(traits, outs, count / 4));
  return needsScalar ? cutAt(1) : shape;
}

/** Numbers of the kernels that walk columns or rows with an invocation each, in elements of the width. */
export const walkParams = ({
  columns,
  width,
  outs,
  count,
  chunk,
  splits,
}: LoopShape): Pick<LoopShape, "outs" | "count" | "chunk" | "splits"> => ({
  outs: columns ? outs / width : outs,
  count: columns ? count : count / width,
  chunk,
  splits,
});

/** Most workgroups of a dimension. */
const MOST_GROUPS = 65535;

/** Threads of a workgroup, and the neighbouring columns that they take together. */
export interface Group {
  readonly threads: number;
  readonly wide: number;
}

/** Workgroups that can hold whole columns, and the most elements of one of their threads; the first that fits. */
const CPU_GROUPS = [
  // A subgroup: the fewer lanes are joined, the better, for each joins them all.
  { threads: 8, longest: 1024 },
  { threads: 64, longest: 1024 },
];
const GPU_GROUPS = [{ threads: 256, longest: 16 }];
/** Most neighbouring columns of a workgroup. */
const WIDEST = 16;

/** The workgroup that holds whole columns of `count` elements; undefined where they are too long for one. */
export function groupOf(traits: Traits, columns: number, count: number): Group | undefined {
  for (const { threads, longest } of traits.cpu ? CPU_GROUPS : GPU_GROUPS) {
    let wide = 1;
    while (wide < Math.min(WIDEST, threads) && wide * 16 <= columns) wide *= 2;
    if (count * wide <= threads * longest && Math.ceil(columns / wide) <= MOST_GROUPS) return { threads, wide };
  }
  return undefined;
}

/** Workgroups that a stage is cut into where it is long enough. */
export const WORKGROUPS = 256;

/**
 * The workgroup for parts of columns: its neighbouring columns are 64 bytes, which neighbouring threads read at once.
 * `tiles`: workgroups beside each other.
 */
export function neighboursOf(traits: Traits, columns: number, width: 1 | 4): Group & { readonly tiles: number } {
  let wide = 16 / width;
  while (wide >= 2 * columns) wide /= 2;
  return { threads: traits.cpu ? 64 : 256, wide, tiles: Math.ceil(columns / wide) };
}
