// A pair of statistics and the elementwise stage behind them: a norm, or a norm's gradient. One dispatch does both
// where a workgroup holds whole columns: it has their statistics once it has walked them, and walks them once more.
// Elsewhere there are two: the first makes statistics of parts of columns, and every workgroup of the second joins
// those that it needs.
import type { Traits } from "../../kernels/kernel.ts";
import { mergeThenMap } from "../../kernels/reduce/statistics.ts";
import type { ReduceOp, View } from "../op.ts";
import { show, stridesOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Residence, type StoredTensors, identityAccess } from "../fuse/access.ts";
import { HookContext } from "../wgsl/context.ts";
import { type Dispatch, type DispatchParts, makeDispatch, storageType, typeAliases } from "../wgsl/dispatch.ts";
import { type Ahead, emitFunction, emitIndexFunction, functionText } from "../wgsl/emit.ts";
import { Expression, type NamedValues } from "../wgsl/expression.ts";
import { vectorizes } from "../wgsl/indexer.ts";
import { type Memory, isScratch, wholeOf } from "../fuse/memory.ts";
import { type Axes, type Group, WORKGROUPS, axesOf, firstInput, groupOf, neighboursOf } from "./loops.ts";
import { bindRuns } from "./runs.ts";
import { type Parts, beforeHook, elementHooks, statisticsIn, statisticsKernels } from "./statistics.ts";

export interface NormStage {
  /** The statistics: moments, or two sums, with the last axis kept. */
  readonly node: Node;
  /** What is computed of them, of the shape that is reduced. */
  readonly result: Tensor;
  readonly residence: Residence | undefined;
  /** Where it is written a second time. */
  readonly duplicate: Residence | undefined;
  readonly traits: Traits;
  /** What is read, but for `result`. */
  readonly stored: StoredTensors;
  readonly maxStorageBuffers: number;
  readonly maxBindingBytes: number;
  memoryOf(t: Tensor): Memory;
  /** Statistics of parts of the columns that are there already. */
  readonly parts: Parts | undefined;
  /** A dispatch that makes such; undefined where columns are not cut. */
  cut(): { readonly parts: Parts; readonly dispatch: Dispatch } | undefined;
}

/** One dispatch or two; undefined where the stages do not fit together. */
export function lowerNorm(stage: NormStage): Dispatch[] | undefined {
  const axes = axesOf(stage.node);
  if (!axes.columns || axes.count < 2) return undefined;
  const norm = expressionsOf(stage, axes);
  if ([...norm.runs.values()].some((run) => run.bytes > stage.maxBindingBytes)) return undefined;
  const group = stage.parts ? undefined : groupOf(stage.traits, axes.outs / norm.width, axes.count);
  if (group) {
    const whole = wholeColumns(stage, norm, group);
    return whole && [whole];
  }
  const cut = stage.parts ? undefined : stage.cut();
  const parts = stage.parts ?? cut?.parts;
  const joined = parts && joinedParts(stage, norm, parts);
  return joined && (cut ? [cut.dispatch, joined] : [joined]);
}

/** What a norm computes: of the elements that are reduced, and behind the statistics. */
interface Norm {
  readonly axes: Axes;
  readonly reads: readonly Expression[];
  readonly after: Expression;
  /** Where the result stands in what it is written to. */
  readonly target: View;
  readonly width: 1 | 4;
  /** What is bound of tensors that are too large to be bound whole. */
  readonly runs: ReadonlyMap<Tensor, Memory>;
}

function expressionsOf({ node, result, residence, duplicate, stored, maxBindingBytes }: NormStage, axes: Axes): Norm {
  const { domain, kept, loop } = axes;
  const access = identityAccess(domain);
  const own = stridesOf(node.outputs[0].shape);
  // The hook behind the statistics is handed them as a and b.
  const statistics: NamedValues = {
    names: new Map(node.outputs.map((t, i) => [t, "ab".charAt(i)])),
    strides: domain.map((_, d) => (kept.includes(d) ? own[d]! : 0)),
  };
  const reads = node.inputs.map((t) => new Expression(t, domain, access, stored));
  const after = new Expression(result, domain, access, stored, [], statistics);
  const target = residence?.view ?? { offset: 0, strides: stridesOf(domain) };
  const views = [...reads.flatMap((e) => e.views), ...after.views, target, ...(duplicate ? [duplicate.view] : [])];
  const width = vectorizes(domain, loop, 0, views) ? 4 : 1;
  const whole = { start: domain.map(() => 0), sizes: domain };
  return { axes, reads, after, target, width, runs: bindRuns([...reads, after], whole, maxBindingBytes) };
}

const isMoments = ({ node }: NormStage): boolean => (node.op as ReduceOp).combine === "moments";

/** Both walks in one dispatch, by a workgroup that holds whole columns. */
function wholeColumns(stage: NormStage, norm: Norm, { threads, wide }: Group): Dispatch | undefined {
  const { reads, axes, width } = norm;
  const context = new HookContext(width, norm.runs);
  const ahead: Ahead = { moving: 1, lines: [] };
  const elements = elementHooks(
    stage.node,
    (name, i, before) =>
      emitFunction(`fn ${name}(o : u32, r : u32) -> F`, reads[i]!, context, axes.loop, 0, { ahead: before }),
    ahead,
  );
  const written = writtenBehind(stage, norm, context, { ...elements, before: beforeHook(ahead) }, 3);
  if (!written) return undefined;
  const { flops, bytesRead, bytesStored, ...parts } = written;
  return makeDispatch({
    ...parts,
    label: `${parts.label} then ${stage.result.node.op.name}`,
    kernel: statisticsKernels(stage.node).thenMap,
    params: { outs: axes.outs / width, count: axes.count, wide },
    consts: { THREADS: threads },
    cost: {
      flops: flops + reads.reduce((n, e) => n + e.steps.length, 0) * firstInput(stage.node).size,
      bytes: 2 * bytesRead + bytesStored,
    },
  });
}

/** The dispatch that joins statistics of parts of columns, and makes the elements behind them. */
function joinedParts(stage: NormStage, norm: Norm, parts: Parts): Dispatch | undefined {
  const { axes, width } = norm;
  const { outs, count } = axes;
  const { memory: part, splits, chunk, plane } = parts;
  const written = writtenBehind(stage, norm, new HookContext(width, norm.runs), {}, 4);
  if (!written) return undefined;
  const { flops, bytesRead, bytesStored, ...own } = written;
  const { threads, wide, tiles } = neighboursOf(stage.traits, outs / width, width);
  // An element a thread, and no more parts than elements.
  const rows = Math.max(Math.ceil(count / Math.ceil(WORKGROUPS / tiles)), threads / wide, splits);
  return makeDispatch({
    ...own,
    label: `${own.label} joined, then ${stage.result.node.op.name}`,
    kernel: mergeThenMap,
    buffers: { ...own.buffers, part },
    params: { outs: outs / width, count, wide, rows, splits, chunk, plane: plane / width },
    consts: { THREADS: threads, MOMENTS: isMoments(stage) },
    cost: { flops, bytes: bytesRead + bytesStored + 8 * outs * splits },
  });
}

type Written = Pick<DispatchParts, "label" | "aliases" | "buffers" | "context" | "hooks"> & {
  /** Of the elements behind the statistics. */
  readonly flops: number;
  readonly bytesRead: number;
  readonly bytesStored: number;
};

/**
 * What a dispatch has that writes statistics and the elements behind them: its own hooks beside `before`, which are
 * emitted already. `own`: buffers that the kernel binds. Undefined where it would bind too many, or one of them both
 * to read and to write.
 */
function writtenBehind(
  stage: NormStage,
  { axes, after, target, width }: Norm,
  context: HookContext,
  before: Readonly<Record<string, string>>,
  own: number,
): Written | undefined {
  const { node, result, residence, duplicate, maxStorageBuffers } = stage;
  const { domain, loop } = axes;
  const between: Ahead = { moving: 1, lines: [] };
  const hooks: Record<string, string> = {
    ...before,
    after: emitFunction("fn after(o : u32, r : u32, a : F, b : F) -> Y", after, context, loop, 0, {
      store: true,
      ahead: between,
    }),
    between: functionText("fn between(o : u32, a : F, b : F)", between.lines),
    at: emitIndexFunction("fn at(o : u32, r : u32) -> u32", domain, target, context, loop, 0),
  };
  const leaves = new Set(context.bindings.map((b) => b.memory.content));
  const [first, second] = statisticsIn(node, stage.memoryOf);
  const y = wholeOf(residence?.into ?? result);
  const again = duplicate && wholeOf(duplicate.into);
  if (leaves.size + own + (again ? 1 : 0) > maxStorageBuffers) return undefined;
  if (!areApart(stage, leaves, { y, first, second, again })) return undefined;
  const type = storageType(result.dtype, width);
  if (duplicate && again) {
    const z = context.bind(again, type, "read_write");
    const signature = "fn alsoAt(o : u32, r : u32) -> u32";
    context.functions.alsoAt = emitIndexFunction(signature, domain, duplicate.view, context, loop, 0);
    hooks.also = `fn also(o : u32, r : u32, v : Y) { ${z}[alsoAt(o, r)] = v; }`;
  }
  const x = firstInput(node);
  let bytesRead = 0;
  for (const leaf of leaves) if (!isScratch(leaf)) bytesRead += Math.min(leaf.bytes, x.bytes);
  return {
    label: `${node.op.name} ${show(domain)} over ${show(axes.reduced)},`,
    aliases: { ...typeAliases(width), Y: type },
    buffers: { first, second, y },
    context,
    hooks,
    flops: after.steps.length * x.size,
    bytesRead,
    bytesStored: result.bytes * (duplicate ? 2 : 1) + 2 * first.bytes,
  };
}

/**
 * Whether what is written is read by nothing but the threads that hold it: it shares no memory with what the hooks
 * read, and the statistics share none with each other or with the result.
 */
function areApart(
  { node, stored }: NormStage,
  leaves: ReadonlySet<Memory["content"]>,
  { y, first, second, again }: Record<"y" | "first" | "second", Memory> & { readonly again: Memory | undefined },
): boolean {
  const owner = (content: Memory["content"]): Memory["content"] =>
    isScratch(content) ? content : (stored.residence(content)?.into ?? content);
  if (owner(y.content) === owner(first.content) || first.content === second.content) return false;
  const written = [y, first, second, ...(again ? [again] : [])];
  const owners = new Set(written.map((m) => owner(m.content)));
  return [...leaves].every((leaf) => !owners.has(owner(leaf)) && !node.outputs.some((t) => t === leaf));
}
