// A pair of statistics and the elementwise stage behind them in one dispatch: a norm, or a norm's gradient. A workgroup holds whole
// columns, so it has their statistics as soon as it has walked them, and walks them once more.
import type { Traits } from "../../kernels/kernel.ts";
import { momentsThenMap, sumsThenMap } from "../../kernels/reduce.ts";
import type { ReduceOp } from "../op.ts";
import { show, sizeOf, stridesOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Memories, type Residence, identityAccess } from "./access.ts";
import { type Dispatch, type Memory, makeDispatch, storageType, typeAliases } from "./dispatch.ts";
import { type Ahead, HookContext, type LoopVariable, emitFunction, emitIndexFunction, vectorizes } from "./emit.ts";
import { Expression } from "./expression.ts";

export interface NormStage {
  /** The statistics: moments, or two sums, with the last axis kept. */
  readonly node: Node;
  /** What is computed of them, of the shape that is reduced. */
  readonly result: Tensor;
  readonly home: Residence | undefined;
  readonly traits: Traits;
  /** What is read, but for `result`. */
  readonly memories: Memories;
  readonly maxStorageBuffers: number;
  memoryOf(t: Tensor): Memory;
}

/** How many threads a workgroup has, for how many neighbouring columns; undefined where a column is too long for it. */
export function groupOf(traits: Traits, columns: number, count: number): { threads: number; wide: number } | undefined {
  const { threads, longest } = traits.cpu ? { threads: 64, longest: 1024 } : { threads: 256, longest: 16 };
  let wide = 1;
  while (wide < 16 && wide * 16 <= columns) wide *= 2;
  return count * wide <= threads * longest && Math.ceil(columns / wide) <= 65535 ? { threads, wide } : undefined;
}

/** The dispatch, or undefined where the two do not fit into one. */
export function lowerNorm({ node, result, home, traits, memories, maxStorageBuffers, memoryOf }: NormStage): Dispatch | undefined {
  const op = node.op as ReduceOp;
  const [x] = node.inputs, domain = x.shape;
  const axes = op.axes(node.attrs), kept = domain.map((_, d) => d).filter((d) => !axes.includes(d));
  const outs = sizeOf(kept.map((d) => domain[d])), count = sizeOf(axes.map((d) => domain[d]));
  if (outs <= 1 || count < 2 || !kept.includes(domain.findLastIndex((n) => n !== 1))) return undefined;
  const own = stridesOf(node.outputs[0].shape);
  const given = { names: new Map(node.outputs.map((t, i) => [t, "ab"[i]])), strides: domain.map((_, d) => (kept.includes(d) ? own[d] : 0)) };
  const access = identityAccess(domain);
  const reads = node.inputs.map((t) => new Expression(t, domain, access, memories));
  const after = new Expression(result, domain, access, memories, [], given);
  const target = home?.view ?? { offset: 0, strides: stridesOf(domain) };
  const loop: LoopVariable[] = [{ name: "o", dims: kept }, { name: "r", dims: axes }];
  const width = vectorizes(domain, loop, 0, [...reads.flatMap((e) => e.views), ...after.views, target]) ? 4 : 1;
  const group = groupOf(traits, outs / width, count);
  if (!group) return undefined;

  const context = new HookContext(width);
  const y: Memory = home ? { of: home.into, offset: 0, bytes: home.into.bytes } : { of: result, offset: 0, bytes: result.bytes };
  const [first, second] = node.outputs.map(memoryOf);
  const moments = op.combine === "moments";
  const [before, between]: Ahead[] = [{ moving: 1, lines: [] }, { moving: 1, lines: [] }];
  const hooks: Record<string, string> = {
    value: emitFunction("fn value(o : u32, r : u32) -> F", reads[0], context, loop, 0, { ahead: before }),
    ...(moments ? {} : { other: emitFunction("fn other(o : u32, r : u32) -> F", reads[1], context, loop, 0, { ahead: before }) }),
    after: emitFunction("fn after(o : u32, r : u32, a : F, b : F) -> Y", after, context, loop, 0, { store: true, ahead: between }),
    before: `fn before(o : u32) {\n  ${before.lines.join("\n  ")}\n}`,
    between: `fn between(o : u32, a : F, b : F) {\n  ${between.lines.join("\n  ")}\n}`,
    at: emitIndexFunction("fn at(o : u32, r : u32) -> u32", domain, target, context, loop, 0),
  };
  // What is written here is read here by nothing but the threads that hold it.
  const written = new Set([y, first, second].map((m) => m.of));
  const leaves = new Set(context.bindings.map((b) => b.memory.of));
  const owner = (t: Memory["of"]): Memory["of"] => ("scratch" in t ? t : memories.home(t)?.into ?? t);
  const owners = new Set([...written].map(owner));
  if (leaves.size + 3 > maxStorageBuffers || [...leaves].some((t) => owners.has(owner(t)) || node.outputs.includes(t as Tensor))) return undefined;
  if (owner(y.of) === owner(first.of) || first.of === second.of) return undefined;
  const flops = [...reads, after].reduce((n, e) => n + e.steps.length, 0) * x.size;
  const read = [...leaves].reduce((n, t) => n + Math.min((t as Tensor).bytes, x.bytes), 0);
  return makeDispatch({
    label: `${op.name} ${show(domain)} over ${show(axes)}, then ${result.node.op.name}`, kernel: moments ? momentsThenMap : sumsThenMap,
    params: { outs: outs / width, count, wide: group.wide }, consts: { THREADS: group.threads }, aliases: { ...typeAliases(width), Y: storageType(result.dtype, width) },
    buffers: { first, second, y }, context, hooks, cost: { flops, bytes: read * 2 + result.bytes + 2 * first.bytes },
  });
}
