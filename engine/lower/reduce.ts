// Reductions: elementwise producers fused into the read, an epilogue into the write. Long ones are summed in chunks
// that a second pass joins in order.
import { reduceColumns, reduceGroup, reduceRows } from "../../kernels/reduce/reduce.ts";
import type { ReduceOp } from "../op.ts";
import { endOf } from "../fuse/stage.ts";
import { HookContext } from "../wgsl/context.ts";
import { type Dispatch, makeDispatch, typeAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { emitFunction } from "../wgsl/emit.ts";
import { type ReduceStage, type Walk, type WalkOfChunks, groupOf, walkParams, windowedWalk } from "./loops.ts";
import { statisticsOf } from "./statistics-op.ts";

type Combine = "sum" | "max" | "min" | "prod";

/** The seam COMBINE of the kernels. */
const COMBINE = { sum: 0, max: 1, min: 2, prod: 3 };

export function lowerReduce(stage: ReduceStage): Dispatch[] {
  const walked = windowedWalk(stage);
  if (!walked) return [];
  const { whole, windows } = walked;
  const statistics = statisticsOf(stage.node);
  if (statistics) return statistics.lowering.lower(stage, whole, windows);
  const combine = (stage.node.op as ReduceOp).combine as Combine;
  return windows.length > 0 ? lowerWindows(stage, whole, windows, combine) : lowerSingle(stage, whole, combine);
}

/** One result an output, of chunks that several dispatches make. */
function lowerWindows(stage: ReduceStage, whole: Walk, windows: readonly WalkOfChunks[], combine: Combine): Dispatch[] {
  const { outs, splits, columns } = whole.shape;
  const part = stage.newScratch(outs * splits * 4);
  const dispatches = windows.map(({ walk, chunks: { from, to } }) =>
    makeDispatch({
      ...walk.parts,
      kernel: columns ? reduceColumns : reduceRows,
      params: walkParams(walk.shape),
      hooks: valueHooks(walk, combine),
      consts: { COMBINE: COMBINE[combine] },
      buffers: { y: { ...part, offset: 4 * outs * from, bytes: 4 * outs * (to - from) } },
    }),
  );
  return [...dispatches, joinChunks(stage, whole, part, combine)];
}

/** The hooks that give an element, and join the lanes of a row. */
const valueHooks = ({ shape, hook }: Walk, combine: Combine): Record<string, string> => ({
  value: hook("value", 0),
  ...(!shape.columns && shape.width === 4 && { lanes: lanesHook(combine) }),
});

/** One result an output: in one pass where nothing is cut or a workgroup takes whole outputs, else in two. */
function lowerSingle(stage: ReduceStage, walk: Walk, combine: Combine): Dispatch[] {
  const { traits, chain, memoryOf } = stage;
  const { shape, context, parts } = walk;
  const consts = { COMBINE: COMBINE[combine] };
  const kernel = shape.columns ? reduceColumns : reduceRows;
  const hooks = valueHooks(walk, combine);
  const y = memoryOf(endOf(chain));
  if (shape.splits === 1) {
    return [
      makeDispatch({
        ...parts,
        kernel,
        params: walkParams(shape),
        hooks: { ...hooks, ...epilogueHook(stage, walk, context) },
        consts,
        buffers: { y },
      }),
    ];
  }
  const { outs, count } = walkParams(shape);
  const group = groupOf(traits, outs, count);
  if (group) {
    return [
      makeDispatch({
        ...parts,
        kernel: reduceGroup,
        params: { outs, count, wide: shape.columns ? group.wide : 1 },
        hooks: { ...hooks, ...epilogueHook(stage, walk, context) },
        consts: { ...consts, THREADS: group.threads },
        aliases: { ...parts.aliases, Y: shape.columns ? parts.aliases.F : "f32" },
        buffers: { y },
      }),
    ];
  }
  const part = stage.newScratch(shape.outs * shape.splits * 4);
  return [
    makeDispatch({ ...parts, kernel, params: walkParams(shape), hooks, consts, buffers: { y: part } }),
    joinChunks(stage, walk, part, combine),
  ];
}

/** The second pass: it walks the partial results, contiguous [splits, outs] (columns) or [outs, splits] (rows). */
function joinChunks(
  stage: ReduceStage,
  walk: Walk,
  part: ReturnType<ReduceStage["newScratch"]>,
  combine: Combine,
): Dispatch {
  const { columns, outs, splits } = walk.shape;
  const context = new HookContext(1);
  const name = context.bind(part, "f32");
  const index = columns ? "r * params.outs + o" : "o * params.count + r";
  return makeDispatch({
    label: `${walk.parts.label}, joined`,
    kernel: columns ? reduceColumns : reduceRows,
    params: { outs, count: splits, chunk: splits, splits: 1 },
    buffers: { y: stage.memoryOf(endOf(stage.chain)) },
    consts: { COMBINE: COMBINE[combine] },
    context,
    hooks: {
      value: `fn value(o : u32, r : u32) -> F { return ${name}[${index}]; }`,
      ...epilogueHook(stage, walk, context),
    },
    aliases: typeAliases(1),
    cost: { flops: outs * splits, bytes: 4 * outs * (splits + 1) },
  });
}

/** The hook that takes a result to what is stored, where the chain has an epilogue. */
function epilogueHook(
  { tail, chain }: ReduceStage,
  { shape }: Walk,
  context: HookContext,
): { readonly epilogue?: string } {
  if (!tail) return {};
  const type = shape.columns ? "F" : "f32";
  const signature = `fn epilogue(v : ${type}, i : u32) -> ${type}`;
  return { epilogue: emitFunction(signature, tail, context, wholeLoop(chain.domain), 0, { raw: "v" }) };
}

/** The hook that joins the four lanes of a row; the first NaN wins over an extreme. */
function lanesHook(combine: Combine): string {
  const signature = "fn lanes(v : F) -> f32";
  if (combine === "sum") return `${signature} { return (v.x + v.y) + (v.z + v.w); }`;
  if (combine === "prod") return `${signature} { return (v.x * v.y) * (v.z * v.w); }`;
  const nan = ["let n = nan(v);", ...["x", "y", "z", "w"].map((l) => `if (n.${l}) { return v.${l}; }`)].join(" ");
  return `${signature} { ${nan} return ${combine}(${combine}(v.x, v.y), ${combine}(v.z, v.w)); }`;
}
