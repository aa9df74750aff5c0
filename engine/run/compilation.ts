// From a function of tensors to a plan of its stages and memory. Needs no GPU, only what one can do: a step is judged
// before it is made.
import type { Traits } from "../../kernels/kernel.ts";
import { input } from "../constant.ts";
import type { DType } from "../dtype.ts";
import { LimitExceededError, MemoryBudgetError } from "../errors.ts";
import { copy } from "../ops/elementwise.ts";
import { settleAverages } from "../running-average.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Mode, Trace, withTrace } from "../trace.ts";
import { aliasOf } from "../fuse/access.ts";
import { fuse } from "../fuse/fuse.ts";
import type { BindingLimits, Fusion } from "../fuse/stage.ts";
import { Lowerer } from "../lower/lower.ts";
import { type Assignment, type Plan, plan } from "../plan/plan.ts";
import { recompute } from "./recompute.ts";
import { type Graph, simplify } from "../fuse/simplify.ts";

/** Shape of a program's input (f32), or shape and dtype. */
export type InputSpec = Shape | { readonly shape: Shape; readonly dtype: DType };

export interface CompileOptions {
  /** "train": batch norm uses the batch and dropout is on; "infer" (default) otherwise. */
  mode?: Mode;
  /** For messages and labels. */
  name?: string;
  /**
   * Most bytes that activations may take; variables come on top. What does not fit is not kept but computed again:
   * first what only moves memory (norms, activations, joins, resizing), convolutions last. MemoryBudgetError where
   * that is not enough.
   */
  memoryBudget?: number;
}

export type Inputs<I extends string> = { readonly [K in I]: Tensor };
export type Outputs<O extends string> = { readonly [K in O]: Tensor };

export interface Compilation {
  readonly plan: Plan;
  readonly lowerer: Lowerer;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly afterRun: readonly (() => void)[];
  readonly estimate: Estimate;
}

/** What a run takes, known before anything is made. */
export interface Estimate {
  /** Of activations and scratch; of the variables that are used; of both and all inputs. */
  readonly activationBytes: number;
  readonly variableBytes: number;
  readonly bytes: number;
  /** No plan of these stages, in this order, can hold less for activations. */
  readonly lowerBoundBytes: number;
  readonly flops: number;
  /** `flops` over those of the same run without a memory budget. */
  readonly flopsRatio: number;
  readonly dispatches: number;
  /** Distinct pipelines. */
  readonly pipelines: number;
  /** The dispatch that computes most: what a watchdog that ends long dispatches would meet. */
  readonly heaviest: { readonly label: string; readonly flops: number };
}

interface Attempt {
  readonly fusion: Fusion;
  readonly lowerer: Lowerer;
  readonly plan: Plan;
}

/** Plans tried for a budget: each takes out what the last one had too much at its peak. */
const ROUNDS = 24;

/** Traces `f`, and plans it. Throws what `f` throws, and MemoryBudgetError. */
export function compile(
  f: (inputs: Inputs<string>) => Outputs<string>,
  specs: Readonly<Record<string, InputSpec>>,
  options: CompileOptions,
  traits: Traits,
  limits: BindingLimits,
): Compilation {
  const { mode = "infer", name = "program", memoryBudget = Infinity } = options;
  const trace = new Trace(mode);
  const inputs = new Map<string, Tensor>();
  for (const [key, spec] of Object.entries(specs)) {
    const { shape, dtype } = "shape" in spec ? spec : { shape: spec, dtype: "f32" as const };
    inputs.set(key, input(key, shape, dtype));
  }
  const traced = withTrace(trace, () => {
    const found = f(Object.fromEntries(inputs));
    settleAverages(trace);
    return found;
  });
  const assigned = [...trace.assigned].map((variable): Assignment => {
    const value = trace.values.get(variable)!;
    // One variable's old value may be another's new one: it is set aside before anything is overwritten.
    return { variable, value: aliasOf(value).base.node.op.kind === "source" ? copy(value) : value };
  });
  const names = Object.keys(traced);
  const attempt = (graph: Graph): Attempt => {
    const lowerer = new Lowerer(traits, limits);
    const fusion = fuse(graph, limits, lowerer);
    lowerer.adopt(fusion);
    const values = graph.roots.slice(names.length);
    return {
      fusion,
      lowerer,
      plan: plan(
        fusion,
        lowerer,
        graph.roots.slice(0, names.length),
        assigned.map(({ variable }, i) => ({ variable, value: values[i] })),
      ),
    };
  };

  let graph = simplify([...names.map((n) => traced[n]), ...assigned.map((a) => a.value)]);
  const half = graph.nodes.flatMap((n) => n.outputs).find((t) => t.dtype === "f16");
  if (half && !traits.f16)
    throw new LimitExceededError(
      `${name}: ${half} is half precision, which this device can't store: it has no feature shader-f16; leave out autocast("f16", …) and casts to f16`,
    );
  let made = attempt(graph);
  const least = { flops: flopsOf(made.plan), bytes: slotBytes(made.plan) };
  let reached = least.bytes;
  for (let round = 0; slotBytes(made.plan) > memoryBudget; round++) {
    reached = Math.min(reached, slotBytes(made.plan));
    const next =
      round < ROUNDS ? recompute(graph, made.fusion, made.plan, slotBytes(made.plan) - memoryBudget) : undefined;
    if (!next) throw new MemoryBudgetError(name, { budget: memoryBudget, reached, whole: least.bytes });
    made = attempt((graph = next));
  }
  return {
    plan: made.plan,
    lowerer: made.lowerer,
    inputs,
    afterRun: trace.afterRun,
    outputs: new Map(names.map((n, i) => [n, graph.roots[i]])),
    estimate: estimateOf(made.plan, least.flops),
  };
}

const sumOf = <T>(items: readonly T[], f: (item: T) => number): number => items.reduce((n, item) => n + f(item), 0);
const slotBytes = (p: Plan): number => sumOf(p.slotBytes, (b) => b);
const flopsOf = (p: Plan): number => sumOf(p.stages, (s) => sumOf(s.dispatches, (d) => d.cost.flops));

function estimateOf(p: Plan, leastFlops: number): Estimate {
  const variableBytes = sumOf(p.storages, (s) => (s.kind === "variable" ? s.bytes : 0));
  const activationBytes = slotBytes(p);
  const flops = flopsOf(p);
  const heaviest = p.stages
    .flatMap((s) => s.dispatches)
    .reduce((most, { label, cost }) => (cost.flops > most.flops ? { label, flops: cost.flops } : most), {
      label: "",
      flops: 0,
    });
  return {
    activationBytes,
    variableBytes,
    bytes: activationBytes + sumOf(p.storages, (s) => s.bytes),
    lowerBoundBytes: p.lowerBoundBytes,
    flops,
    flopsRatio: leastFlops ? flops / leastFlops : 1,
    dispatches: sumOf(p.stages, (s) => s.dispatches.length) + 1,
    pipelines: new Set(p.stages.flatMap((s) => s.dispatches.map((d) => d.code))).size + 1,
    heaviest,
  };
}
