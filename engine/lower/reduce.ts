// Reductions: over outer axes (columns: neighbouring threads read neighbouring columns) or inner axes (rows),
// elementwise producers fused into the read, an epilogue into the write. Long ones are summed in chunks that a second
// pass joins in order.
import type { Params, Traits } from "../../kernels/kernel.ts";
import { reduceColumns, reduceGroup, reduceRows } from "../../kernels/reduce/reduce.ts";
import type { ReduceOp } from "../op.ts";
import { show, sizeOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Memories, identityAccess } from "../fuse/access.ts";
import {
  type Dispatch,
  type DispatchParts,
  type Memory,
  makeDispatch,
  typeAliases,
  wholeLoop,
} from "../wgsl/dispatch.ts";
import { type Ahead, HookContext, type LoopVariable, emitFunction, innerSize, vectorizes } from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { type Chain, endOf } from "../fuse/stage.ts";
import { groupOf } from "./norm.ts";
import { type Parts, lowerStatistics, statisticsOfParts } from "./statistics.ts";

export interface ReduceStage {
  readonly node: Node;
  readonly chain: Chain;
  /** The chain's epilogue, where there is one. */
  readonly tail: Expression | undefined;
  readonly traits: Traits;
  readonly memories: Memories;
  memoryOf(t: Tensor): Memory;
  newScratch(bytes: number): Memory;
}

/** How the loops of a reduction are cut. */
export interface Shape2 {
  readonly columns: boolean;
  readonly width: 1 | 4;
  /** Outputs, and elements of each. */
  readonly outs: number;
  readonly count: number;
  readonly splits: number;
  readonly chunk: number;
}

/** A reduction's loops and expressions, and the parts that every dispatch that walks them has. */
export interface Walk {
  readonly shape: Shape2;
  readonly context: HookContext;
  readonly first: Omit<DispatchParts, "kernel" | "buffers" | "params">;
  /** The hook that gives an element of the i-th input. */
  hook(name: string, i: number, ahead?: Ahead): string;
}

function walk(stage: ReduceStage): Walk | undefined {
  const { node, memories } = stage;
  const op = node.op as ReduceOp;
  const [x] = node.inputs;
  const axes = op.axes(node.attrs);
  const kept = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
  if (kept.some((d) => x.shape[d] === 0)) return undefined;
  const expressions = node.inputs.map((t) => new Expression(t, t.shape, identityAccess(t.shape), memories));
  const loop: LoopVariable[] = [
    { name: "o", dims: kept },
    { name: "r", dims: axes },
  ];
  const shape = cut(stage, op, kept, axes, loop, expressions);
  const context = new HookContext(shape.width);
  return {
    shape,
    context,
    hook: (name, i, ahead) =>
      emitFunction(`fn ${name}(o : u32, r : u32) -> F`, expressions[i], context, loop, shape.columns ? 0 : 1, {
        ahead,
      }),
    first: {
      label: `${op.name} ${show(x.shape)} over ${show(axes)}`,
      context,
      aliases: typeAliases(shape.width),
      cost: {
        flops: expressions.reduce((n, e) => n + e.steps.length, 0) * x.size,
        bytes: expressions.flatMap((e) => e.leaves).reduce((n, t) => n + Math.min(t.bytes, x.bytes), 0),
      },
    },
  };
}

export function lowerReduce(stage: ReduceStage): Dispatch[] {
  const w = walk(stage);
  if (!w) return [];
  const { combine } = stage.node.op as ReduceOp;
  return combine === "moments" || combine === "sums" ? lowerStatistics(stage, w) : single(stage, combine, w);
}

/** Two statistics by parts of each column, for a dispatch that joins them; undefined where columns are not cut. */
export function lowerParts(stage: ReduceStage): { dispatch: Dispatch; parts: Parts } | undefined {
  const w = walk(stage);
  return w && w.shape.columns && w.shape.splits > 1 ? statisticsOfParts(stage, w) : undefined;
}

function cut(
  { traits, chain, tail }: ReduceStage,
  op: ReduceOp,
  kept: readonly number[],
  axes: readonly number[],
  loop: readonly LoopVariable[],
  expressions: readonly Expression[],
): Shape2 {
  const { domain } = expressions[0];
  const outs = sizeOf(kept.map((d) => domain[d]));
  const count = sizeOf(axes.map((d) => domain[d]));
  const columns = outs > 1 && kept.includes(domain.findLastIndex((n) => n !== 1));
  // A second pass costs a dispatch, so only long sums are split: for more threads, and for less rounding.
  const { target, alone } = traits.cpu ? { target: 256, alone: 32768 } : { target: 16384, alone: 4096 };
  const parts = (lanes: number, length: number): number =>
    outs * count <= alone && length <= 1024
      ? 1
      : Math.max(1, Math.min(Math.ceil(target / lanes), Math.ceil(length / 64)));
  const tailFits = !tail || !columns || innerSize(chain.domain, wholeLoop(chain.domain), 0, tail.views) % 4 === 0;
  const cutAt = (width: 1 | 4): Shape2 => {
    const lanes = columns ? outs / width : outs;
    const length = columns ? count : count / width;
    const splits = parts(lanes, length);
    const chunk = Math.max(1, Math.ceil(length / splits));
    return { columns, width, outs, count, chunk, splits: columns ? Math.max(1, Math.ceil(length / chunk)) : splits };
  };
  const byFours =
    (columns || op.combine !== "moments") &&
    tailFits &&
    vectorizes(
      domain,
      loop,
      columns ? 0 : 1,
      expressions.flatMap((e) => e.views),
    );
  const s = cutAt(byFours ? 4 : 1);
  // A row's lanes are joined before its epilogue, which is scalar: it needs a pass of its own, or a scalar walk.
  return !columns && s.width === 4 && (s.splits === 1 || groupOf(traits, outs, count / 4)) && tail ? cutAt(1) : s;
}

function single(
  { memoryOf, newScratch, traits, tail, chain }: ReduceStage,
  combine: "sum" | "max" | "min" | "prod",
  { shape: s, context: own, first: given, hook }: Walk,
): Dispatch[] {
  const consts = { COMBINE: { sum: 0, max: 1, min: 2, prod: 3 }[combine] };
  const kernel = s.columns ? reduceColumns : reduceRows;
  const hooks: Record<string, string> = { value: hook("value", 0) };
  const first = { ...given, params: walkParams(s), hooks };
  if (!s.columns && s.width === 4) hooks.lanes = lanesHook(combine);
  const y = memoryOf(endOf(chain));
  const type = s.columns ? "F" : "f32";
  const epilogue = (context: HookContext): Record<string, string> =>
    tail
      ? {
          epilogue: emitFunction(
            `fn epilogue(v : ${type}, i : u32) -> ${type}`,
            tail,
            context,
            wholeLoop(chain.domain),
            0,
            { raw: "v" },
          ),
        }
      : {};
  if (s.splits === 1)
    return [makeDispatch({ ...first, kernel, consts, buffers: { y }, hooks: { ...hooks, ...epilogue(own) } })];
  const group = groupOf(traits, s.columns ? s.outs / s.width : s.outs, s.columns ? s.count : s.count / s.width);
  if (group) {
    const wide = s.columns ? group.wide : 1;
    return [
      makeDispatch({
        ...first,
        kernel: reduceGroup,
        params: { outs: s.columns ? s.outs / s.width : s.outs, count: s.columns ? s.count : s.count / s.width, wide },
        consts: { ...consts, THREADS: group.threads },
        aliases: { ...first.aliases, Y: s.columns ? first.aliases!.F : "f32" },
        buffers: { y },
        hooks: { ...hooks, ...epilogue(own) },
      }),
    ];
  }
  // The second pass walks the partial results: contiguous [outs, splits] or [splits, outs].
  const part = newScratch(s.outs * s.splits * 4);
  const context = new HookContext(1);
  const name = context.bind(part, "f32");
  const value = `fn value(o : u32, r : u32) -> F { return ${name}[${s.columns ? "r * params.outs + o" : "o * params.count + r"}]; }`;
  return [
    makeDispatch({ ...first, kernel, consts, buffers: { y: part } }),
    makeDispatch({
      label: `${first.label}, joined`,
      kernel,
      params: { outs: s.outs, count: s.splits, chunk: s.splits, splits: 1 },
      buffers: { y },
      consts,
      context,
      hooks: { value, ...epilogue(context) },
      aliases: typeAliases(1),
      cost: { flops: s.outs * s.splits, bytes: 4 * s.outs * (s.splits + 1) },
    }),
  ];
}

/** Numbers of the kernels that walk columns or rows with an invocation each. */
export const walkParams = ({ columns, width, outs, count, chunk, splits }: Shape2): Params => ({
  outs: columns ? outs / width : outs,
  count: columns ? count : count / width,
  chunk,
  splits,
});

function lanesHook(combine: "sum" | "max" | "min" | "prod"): string {
  const signature = "fn lanes(v : F) -> f32";
  if (combine === "sum") return `${signature} { return (v.x + v.y) + (v.z + v.w); }`;
  if (combine === "prod") return `${signature} { return (v.x * v.y) * (v.z * v.w); }`;
  const nan = `let n = nan(v); if (n.x) { return v.x; } if (n.y) { return v.y; } if (n.z) { return v.z; } if (n.w) { return v.w; }`;
  return `${signature} { ${nan} return ${combine}(${combine}(v.x, v.y), ${combine}(v.z, v.w)); }`;
}
