// A pair of statistics and the elementwise stage behind them, a norm or a norm's gradient: in one dispatch where a
// workgroup holds whole columns, for it has their statistics as soon as it has walked them, and walks them once more;
// elsewhere in two, statistics of parts of columns first. Who makes the elements behind them joins the parts for
// itself.
import type { Traits } from "../../kernels/kernel.ts";
import { mergeThenMap, momentsThenMap, sumsThenMap } from "../../kernels/reduce/reduce.ts";
import type { ReduceOp } from "../op.ts";
import { show, sizeOf, stridesOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Memories, type Residence, identityAccess } from "../fuse/access.ts";
import { type Dispatch, type Memory, makeDispatch, storageType, typeAliases } from "../wgsl/dispatch.ts";
import {
  type Ahead,
  HookContext,
  type LoopVariable,
  emitFunction,
  emitIndexFunction,
  vectorizes,
} from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { type Parts, WORKGROUPS, neighboursOf } from "./statistics.ts";

export interface NormStage {
  /** The statistics: moments, or two sums, with the last axis kept. */
  readonly node: Node;
  /** What is computed of them, of the shape that is reduced. */
  readonly result: Tensor;
  readonly home: Residence | undefined;
  /** Where it is written a second time. */
  readonly also: Residence | undefined;
  readonly traits: Traits;
  /** What is read, but for `result`. */
  readonly memories: Memories;
  readonly maxStorageBuffers: number;
  memoryOf(t: Tensor): Memory;
  /** Statistics of parts of the columns that are there already. */
  readonly parts: Parts | undefined;
  /** A dispatch that makes such; undefined where columns are not cut. */
  cut(): { readonly parts: Parts; readonly dispatch: Dispatch } | undefined;
}

/** How many threads a workgroup has, for how many neighbouring columns; undefined where a column is too long for it. */
export function groupOf(traits: Traits, columns: number, count: number): { threads: number; wide: number } | undefined {
  const { threads, longest } = traits.cpu ? { threads: 64, longest: 1024 } : { threads: 256, longest: 16 };
  let wide = 1;
  while (wide < 16 && wide * 16 <= columns) wide *= 2;
  return count * wide <= threads * longest && Math.ceil(columns / wide) <= 65535 ? { threads, wide } : undefined;
}

/** One dispatch or two; undefined where the stages do not fit together. */
export function lowerNorm(stage: NormStage): Dispatch[] | undefined {
  const { node, result, home, also, traits, memories, maxStorageBuffers, memoryOf } = stage;
  const op = node.op as ReduceOp;
  const [x] = node.inputs;
  const domain = x.shape;
  const axes = op.axes(node.attrs);
  const kept = domain.map((_, d) => d).filter((d) => !axes.includes(d));
  const outs = sizeOf(kept.map((d) => domain[d]));
  const count = sizeOf(axes.map((d) => domain[d]));
  if (outs <= 1 || count < 2 || !kept.includes(domain.findLastIndex((n) => n !== 1))) return undefined;
  const own = stridesOf(node.outputs[0].shape);
  const given = {
    names: new Map(node.outputs.map((t, i) => [t, "ab"[i]])),
    strides: domain.map((_, d) => (kept.includes(d) ? own[d] : 0)),
  };
  const access = identityAccess(domain);
  const reads = node.inputs.map((t) => new Expression(t, domain, access, memories));
  const after = new Expression(result, domain, access, memories, [], given);
  const target = home?.view ?? { offset: 0, strides: stridesOf(domain) };
  const loop: LoopVariable[] = [
    { name: "o", dims: kept },
    { name: "r", dims: axes },
  ];
  const width = vectorizes(domain, loop, 0, [
    ...reads.flatMap((e) => e.views),
    ...after.views,
    target,
    ...(also ? [also.view] : []),
  ])
    ? 4
    : 1;
  const group = stage.parts ? undefined : groupOf(traits, outs / width, count);
  const cut = stage.parts || group ? undefined : stage.cut();
  const parts = stage.parts ?? cut?.parts;
  if (!group && !parts) return undefined;

  const context = new HookContext(width);
  const y: Memory = home
    ? { of: home.into, offset: 0, bytes: home.into.bytes }
    : { of: result, offset: 0, bytes: result.bytes };
  const [first, second] = node.outputs.map(memoryOf);
  const moments = op.combine === "moments";
  const [before, between]: Ahead[] = [
    { moving: 1, lines: [] },
    { moving: 1, lines: [] },
  ];
  const whole = group && {
    value: emitFunction("fn value(o : u32, r : u32) -> F", reads[0], context, loop, 0, { ahead: before }),
    ...(moments
      ? {}
      : { other: emitFunction("fn other(o : u32, r : u32) -> F", reads[1], context, loop, 0, { ahead: before }) }),
    before: `fn before(o : u32) {\n  ${before.lines.join("\n  ")}\n}`,
  };
  const hooks: Record<string, string> = {
    ...whole,
    after: emitFunction("fn after(o : u32, r : u32, a : F, b : F) -> Y", after, context, loop, 0, {
      store: true,
      ahead: between,
    }),
    between: `fn between(o : u32, a : F, b : F) {\n  ${between.lines.join("\n  ")}\n}`,
    at: emitIndexFunction("fn at(o : u32, r : u32) -> u32", domain, target, context, loop, 0),
  };
  // What is written here is read here by nothing but the threads that hold it.
  const leaves = new Set(context.bindings.map((b) => b.memory.of));
  const again: Memory[] = also ? [{ of: also.into, offset: 0, bytes: also.into.bytes }] : [];
  const written = new Set([y, first, second, ...again].map((m) => m.of));
  const owner = (t: Memory["of"]): Memory["of"] => ("scratch" in t ? t : (memories.home(t)?.into ?? t));
  const owners = new Set([...written].map(owner));
  if (
    leaves.size + again.length + (parts ? 4 : 3) > maxStorageBuffers ||
    [...leaves].some((t) => owners.has(owner(t)) || node.outputs.includes(t as Tensor))
  )
    return undefined;
  if (owner(y.of) === owner(first.of) || first.of === second.of) return undefined;
  const type = storageType(result.dtype, width);
  if (also) {
    const z = context.bind(again[0], type, "read_write");
    context.functions.alsoAt = emitIndexFunction(
      "fn alsoAt(o : u32, r : u32) -> u32",
      domain,
      also.view,
      context,
      loop,
      0,
    );
    hooks.also = `fn also(o : u32, r : u32, v : Y) { ${z}[alsoAt(o, r)] = v; }`;
  }
  const flops = (whole ? [...reads, after] : [after]).reduce((n, e) => n + e.steps.length, 0) * x.size;
  const read = [...leaves].reduce((n, t) => n + Math.min((t as Tensor).bytes, x.bytes), 0);
  const label = `${op.name} ${show(domain)} over ${show(axes)},`;
  const aliases = { ...typeAliases(width), Y: type };
  const buffers = { first, second, y };
  const stores = result.bytes * (also ? 2 : 1) + 2 * first.bytes;
  if (!parts) {
    return [
      makeDispatch({
        label: `${label} then ${result.node.op.name}`,
        kernel: moments ? momentsThenMap : sumsThenMap,
        aliases,
        buffers,
        context,
        hooks,
        params: { outs: outs / width, count, wide: group!.wide },
        consts: { THREADS: group!.threads },
        cost: { flops, bytes: read * 2 + stores },
      }),
    ];
  }
  const { memory: part, splits, chunk, plane } = parts;
  const { threads, wide, tiles } = neighboursOf(traits, outs / width, width);
  // An element a thread, and no more parts than elements.
  const rows = Math.max(Math.ceil(count / Math.ceil(WORKGROUPS / tiles)), threads / wide, splits);
  const merge = makeDispatch({
    label: `${label} joined, then ${result.node.op.name}`,
    kernel: mergeThenMap,
    aliases,
    buffers: { ...buffers, part },
    context,
    hooks,
    params: { outs: outs / width, count, wide, rows, splits, chunk, plane: plane / width },
    consts: { THREADS: threads, MOMENTS: moments },
    cost: { flops, bytes: read + stores + 8 * outs * splits },
  });
  return cut ? [cut.dispatch, merge] : [merge];
}
