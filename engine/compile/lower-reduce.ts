// Reductions: over outer axes (columns: neighbouring threads read neighbouring columns) or inner axes (rows), elementwise
// producers fused into the read, an epilogue into the write. Long ones are summed in chunks that a second pass joins in order.
import type { Params, Traits } from "../../kernels/kernel.ts";
import { momentsColumns, momentsMerge, momentsRows, reduceColumns, reduceGroup, reduceRows, sumsColumns } from "../../kernels/reduce.ts";
import type { ReduceOp } from "../op.ts";
import { show, sizeOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Memories, identityAccess } from "./access.ts";
import { type Dispatch, type DispatchParts, type Memory, makeDispatch, typeAliases, wholeLoop } from "./dispatch.ts";
import { HookContext, type LoopVariable, emitFunction, innerSize, vectorizes } from "./emit.ts";
import { Expression } from "./expression.ts";
import { type Chain, endOf } from "./stage.ts";
import { groupOf } from "./lower-norm.ts";

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
interface Shape2 {
  readonly columns: boolean;
  readonly width: 1 | 4;
  /** Outputs, and elements of each. */
  readonly outs: number;
  readonly count: number;
  readonly splits: number;
  readonly chunk: number;
}

export function lowerReduce(stage: ReduceStage): Dispatch[] {
  const { node, chain, tail, memories } = stage;
  const op = node.op as ReduceOp;
  const [x] = node.inputs;
  const axes = op.axes(node.attrs);
  const kept = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
  if (kept.some((d) => x.shape[d] === 0)) return [];
  const expressions = node.inputs.map((t) => new Expression(t, t.shape, identityAccess(t.shape), memories));
  const loop: LoopVariable[] = [{ name: "o", dims: kept }, { name: "r", dims: axes }];
  const s = cut(stage, op, kept, axes, loop, expressions);
  const inner = s.columns ? 0 : 1;
  const context = new HookContext(s.width);
  const hooks: Record<string, string> = { value: emitFunction("fn value(o : u32, r : u32) -> F", expressions[0], context, loop, inner) };
  const first: Omit<DispatchParts, "kernel" | "buffers"> = {
    label: `${op.name} ${show(x.shape)} over ${show(axes)}`, context, hooks, aliases: typeAliases(s.width),
    params: { outs: s.columns ? s.outs / s.width : s.outs, count: s.columns ? s.count : s.count / s.width, chunk: s.chunk, splits: s.splits },
    cost: { flops: expressions.reduce((n, e) => n + e.steps.length, 0) * x.size, bytes: expressions.flatMap((e) => e.leaves).reduce((n, t) => n + Math.min(t.bytes, x.bytes), 0) },
  };
  switch (op.combine) {
    case "moments": return moments(stage, s, first);
    case "sums":
      hooks.other = emitFunction("fn other(o : u32, r : u32) -> F", expressions[1], context, loop, inner);
      return sums(stage, s, first);
    default: return single(stage, op.combine, s, first, hooks, tail, chain);
  }
}

function cut({ traits, chain, tail }: ReduceStage, op: ReduceOp, kept: readonly number[], axes: readonly number[], loop: readonly LoopVariable[], expressions: readonly Expression[]): Shape2 {
  const { domain } = expressions[0];
  const outs = sizeOf(kept.map((d) => domain[d])), count = sizeOf(axes.map((d) => domain[d]));
  const columns = outs > 1 && kept.includes(domain.findLastIndex((n) => n !== 1));
  // A second pass costs a dispatch, so only long sums are split: for more threads, and for less rounding.
  const { target, alone } = traits.cpu ? { target: 256, alone: 32768 } : { target: 16384, alone: 4096 };
  const parts = (lanes: number, length: number): number =>
    outs * count <= alone && length <= 1024 ? 1 : Math.max(1, Math.min(Math.ceil(target / lanes), Math.ceil(length / 64)));
  const tailFits = !tail || !columns || innerSize(chain.domain, wholeLoop(chain.domain), 0, tail.views) % 4 === 0;
  const cutAt = (width: 1 | 4): Shape2 => {
    const lanes = columns ? outs / width : outs, length = columns ? count : count / width;
    const splits = parts(lanes, length), chunk = Math.max(1, Math.ceil(length / splits));
    return { columns, width, outs, count, chunk, splits: columns ? Math.max(1, Math.ceil(length / chunk)) : splits };
  };
  const byFours = (columns || op.combine !== "moments") && tailFits && vectorizes(domain, loop, columns ? 0 : 1, expressions.flatMap((e) => e.views));
  const s = cutAt(byFours ? 4 : 1);
  // A row's lanes are joined before its epilogue, which is scalar: it needs a pass of its own, or a scalar walk.
  return !columns && s.width === 4 && (s.splits === 1 || groupOf(traits, outs, count / 4)) && tail ? cutAt(1) : s;
}

type First = Omit<DispatchParts, "kernel" | "buffers">;

function moments({ node, memoryOf, newScratch }: ReduceStage, s: Shape2, first: First): Dispatch[] {
  const [mean, variance] = node.outputs.map((t) => memoryOf(t));
  const kernel = s.columns ? momentsColumns : momentsRows;
  const parts = { ...first, kernel, aliases: s.columns ? first.aliases : {} };
  if (s.splits === 1) return [makeDispatch({ ...parts, buffers: { mean, spread: variance } })];
  const { outs, splits, count, chunk, columns } = s;
  const partMean = newScratch(outs * splits * 4), partSpread = newScratch(outs * splits * 4);
  return [
    makeDispatch({ ...parts, buffers: { mean: partMean, spread: partSpread } }),
    makeDispatch({
      label: `${first.label}, joined`, kernel: momentsMerge, params: { outs, splits, count, chunk, strideO: columns ? 1 : splits, strideS: columns ? outs : 1 },
      buffers: { partMean, partSpread, mean, variance }, consts: { CHUNKED: columns }, context: new HookContext(1), cost: { flops: 8 * outs * splits, bytes: 8 * outs * (splits + 1) },
    }),
  ];
}

function sums({ node, memoryOf, newScratch }: ReduceStage, s: Shape2, first: First): Dispatch[] {
  const [y0, y1] = node.outputs.map((t) => memoryOf(t));
  if (s.splits === 1) return [makeDispatch({ ...first, kernel: sumsColumns, buffers: { y0, y1 } })];
  const parts = [newScratch(s.outs * s.splits * 4), newScratch(s.outs * s.splits * 4)];
  const context = new HookContext(1);
  const [a, b] = parts.map((m) => context.scratch(m));
  return [
    makeDispatch({ ...first, kernel: sumsColumns, buffers: { y0: parts[0], y1: parts[1] } }),
    makeDispatch({
      label: `${first.label}, joined`, kernel: sumsColumns, params: joined(s), buffers: { y0, y1 }, context, aliases: typeAliases(1), cost: joinCost(s, 2),
      hooks: { value: `fn value(o : u32, r : u32) -> F { return ${a}[r * params.outs + o]; }`, other: `fn other(o : u32, r : u32) -> F { return ${b}[r * params.outs + o]; }` },
    }),
  ];
}

function single({ memoryOf, newScratch, traits }: ReduceStage, combine: "sum" | "max" | "min" | "prod", s: Shape2, first: First, hooks: Record<string, string>, tail: Expression | undefined, chain: Chain): Dispatch[] {
  const consts = { COMBINE: { sum: 0, max: 1, min: 2, prod: 3 }[combine] };
  const kernel = s.columns ? reduceColumns : reduceRows;
  if (!s.columns && s.width === 4) hooks.lanes = lanesHook(combine);
  const y = memoryOf(endOf(chain));
  const type = s.columns ? "F" : "f32";
  const epilogue = (context: HookContext): Record<string, string> =>
    tail ? { epilogue: emitFunction(`fn epilogue(v : ${type}, i : u32) -> ${type}`, tail, context, wholeLoop(chain.domain), 0, { raw: "v" }) } : {};
  if (s.splits === 1) return [makeDispatch({ ...first, kernel, consts, buffers: { y }, hooks: { ...hooks, ...epilogue(first.context) } })];
  const group = groupOf(traits, s.columns ? s.outs / s.width : s.outs, s.columns ? s.count : s.count / s.width);
  if (group) {
    const wide = s.columns ? group.wide : 1;
    return [makeDispatch({
      ...first, kernel: reduceGroup, params: { outs: s.columns ? s.outs / s.width : s.outs, count: s.columns ? s.count : s.count / s.width, wide }, consts: { ...consts, THREADS: group.threads },
      aliases: { ...first.aliases, Y: s.columns ? first.aliases!.F : "f32" }, buffers: { y },
      hooks: { ...hooks, ...epilogue(first.context) },
    })];
  }
  // The second pass walks the partial results: contiguous [outs, splits] or [splits, outs].
  const part = newScratch(s.outs * s.splits * 4);
  const context = new HookContext(1);
  const name = context.scratch(part);
  const value = `fn value(o : u32, r : u32) -> F { return ${name}[${s.columns ? "r * params.outs + o" : "o * params.count + r"}]; }`;
  return [
    makeDispatch({ ...first, kernel, consts, buffers: { y: part } }),
    makeDispatch({ label: `${first.label}, joined`, kernel, params: joined(s), buffers: { y }, consts, context, hooks: { value, ...epilogue(context) }, aliases: typeAliases(1), cost: joinCost(s, 1) }),
  ];
}

const joined = ({ outs, splits }: Shape2): Params => ({ outs, count: splits, chunk: splits, splits: 1 });
const joinCost = ({ outs, splits }: Shape2, n: number) => ({ flops: n * outs * splits, bytes: 4 * n * outs * (splits + 1) });

function lanesHook(combine: "sum" | "max" | "min" | "prod"): string {
  const signature = "fn lanes(v : F) -> f32";
  if (combine === "sum") return `${signature} { return (v.x + v.y) + (v.z + v.w); }`;
  if (combine === "prod") return `${signature} { return (v.x * v.y) * (v.z * v.w); }`;
  const nan = `let n = nan(v); if (n.x) { return v.x; } if (n.y) { return v.y; } if (n.z) { return v.z; } if (n.w) { return v.w; }`;
  return `${signature} { ${nan} return ${combine}(${combine}(v.x, v.y), ${combine}(v.z, v.w)); }`;
}
