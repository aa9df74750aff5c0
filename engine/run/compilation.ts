// From a function of tensors to a plan of its stages and memory. Needs no GPU, only what one can do: a step is judged
// before it is made.
import type { Traits } from "../../kernels/kernel.ts";
import { oneOf } from "../choice.ts";
import { input, inputOf } from "../constant.ts";
import type { DType } from "../dtype.ts";
import { LimitExceededError, MemoryBudgetError, UsageError } from "../errors.ts";
import { llvmpipe } from "../llvmpipe.ts";
import { ancestors } from "../ancestors.ts";
import { copy } from "../ops/elementwise.ts";
import { type Shape, show } from "../shape.ts";
import { Tensor, whatIs } from "../tensor.ts";
import { type Mode, Trace, withTrace } from "../trace.ts";
import { training, trainingPart } from "../training.ts";
import type { Variable } from "../variable.ts";
import type { Pacing, Steps } from "../pace.ts";
import { aliasOf } from "../fuse/access.ts";
import { fuse } from "../fuse/fuse.ts";
import { type Graph, simplify } from "../fuse/simplify.ts";
import type { Fusion } from "../fuse/stage.ts";
import { type Ends, overwriteInPlace } from "../lower/in-place.ts";
import { type DeviceLimits, kernelsOf } from "../lower/kernels.ts";
import { Lowerer } from "../lower/lower.ts";
import { type PlanLimits, checkLimits } from "../plan/limits.ts";
import { type Plan, place } from "../plan/plan.ts";
import { TEXELS_IN_ROW, TEXEL_BYTES } from "../../kernels/texels.ts";

/** Shape of a program's input (f32), or shape and dtype. */
export type InputSpec = Shape | { readonly shape: Shape; readonly dtype: DType };

export interface CompileOptions extends Pacing {
  /** "train": batch norm uses the batch and dropout is on; "infer" (default) otherwise. */
  mode?: Mode;
  /** For messages and labels. */
  name?: string;
  /** Whether equal, independent ops may share dispatches, where that was brought. Default true; results are the same. */
  horizontal?: boolean;
  /**
   * Most bytes that activations may take; variables come on top. What does not fit is not kept but computed again:
   * first what only moves memory (norms, activations, joins, resizing), convolutions last. Throws MemoryBudgetError
   * where that is not enough, and UsageError where a bundle without `grad` would have to compute again. Without a
   * budget, activations of more than 1 GiB are reduced towards a half, for at most 2 % more operations; Infinity keeps
   * all.
   */
  memoryBudget?: number;
}

export type Inputs<I extends string> = { readonly [K in I]: Tensor };
export type Outputs<O extends string> = { readonly [K in O]: Tensor };

export interface Compilation {
  readonly plan: Plan;
  readonly fusion: Fusion;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly afterRun: readonly (() => void)[];
  readonly estimate: Estimate;
}

/** What a run takes, known before anything is made. */
export interface Estimate {
  /**
   * Of activations and scratch, and of inputs that lie beside them; of the variables that are used; of both and all
   * inputs.
   */
  readonly activationBytes: number;
  readonly variableBytes: number;
  readonly bytes: number;
  /** No plan of these stages, in this order, can hold less for activations. */
  readonly lowerBoundBytes: number;
  readonly flops: number;
  /** `flops` over those of the same run where all is kept. */
  readonly flopsRatio: number;
  readonly dispatches: number;
  /** Distinct pipelines. */
  readonly pipelines: number;
  /** The dispatch that computes most: what a watchdog that ends long dispatches would meet. */
  readonly heaviest: { readonly label: string; readonly flops: number };
}

/** Plans tried for a budget: each takes out what the last one had too much at its peak. */
const ROUNDS = 24;
/** Without a budget: activations of at most this many bytes are all kept. */
const KEPT_BYTES = 2 ** 30;
/** Without a budget: larger activations are reduced towards this share of themselves. */
const THRIFTY_SHARE = 1 / 2;
/** Without a budget: the most operations, as a factor of those where all is kept. */
const THRIFTY_FLOPS = 1.02;
/** Without a budget: the least share of the bytes that each further plan must save. */
const WORTH = 0.05;

/** Traces `f`, and plans it. Throws what `f` throws, UsageError, LimitExceededError and MemoryBudgetError. */
export function* compile(
  f: (inputs: Inputs<string>) => Outputs<string>,
  specs: Readonly<Record<string, InputSpec>>,
  options: CompileOptions,
  traits: Traits,
  limits: DeviceLimits & PlanLimits,
): Steps<Compilation> {
  const { mode = "infer", name = "program", memoryBudget } = options;
  yield { phase: "trace", done: 0, total: 1 };
  const traced = trace(name, f, specs, oneOf(name, "mode", mode, ["infer", "train"]));
  yield { phase: "trace", done: 1, total: 1 };
  const graph = simplify(traced.roots);
  needsStorable(name, graph, traits);
  const horizontal = options.horizontal !== false && !(memoryBudget! < Infinity);
  const plan = (g: Graph): Steps<Planned> => planned(g, traced, traits, limits, horizontal);
  const whole = yield* plan(graph);
  const fitting = yield* budget(name, whole, memoryBudget, plan);
  checkLimits(name, fitting.plan, limits);
  return {
    plan: fitting.plan,
    fusion: fitting.fusion,
    inputs: traced.inputs,
    outputs: new Map(traced.names.map((n, i) => [n, fitting.graph.roots[i]!])),
    afterRun: traced.afterRun,
    estimate: estimateOf(fitting.plan, flopsOf(whole.plan)),
  };
}

/** A graph as stages with their dispatches, and the place of everything that they bind. */
interface Planned {
  readonly graph: Graph;
  readonly fusion: Fusion;
  readonly plan: Plan;
}

function* planned(
  graph: Graph,
  traced: Traced,
  traits: Traits,
  limits: DeviceLimits,
  horizontal: boolean,
): Steps<Planned> {
  const ends = endsOf(graph, traced);
  yield { phase: "fuse", done: 0, total: 2 };
  const kernels = kernelsOf(graph, traits, limits);
  yield { phase: "fuse", done: 1, total: 2 };
  const fusion = fuse(graph, limits, kernels);
  yield { phase: "fuse", done: 2, total: 2 };
  const lowerer = new Lowerer(fusion, kernels);
  const lowered = yield* lowerer.lower();
  const handed = llvmpipe.brought?.handOn(lowered, traits) ?? lowered;
  const inPlace = overwriteInPlace(handed, ends, lowerer);
  const { maxBindingBytes } = limits;
  const plan = yield* place(inPlace, fusion, ends, { maxBindingBytes, traits, horizontal });
  return { graph, fusion, plan };
}

/** What a function does when it is called on symbols. */
interface Traced {
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Its outputs' names, and the variables that it assigns. */
  readonly names: readonly string[];
  readonly assigned: readonly Variable[];
  /** The tensors of both, in this order. */
  readonly roots: readonly Tensor[];
  readonly afterRun: readonly (() => void)[];
}

function trace(
  name: string,
  f: (inputs: Inputs<string>) => Outputs<string>,
  specs: Readonly<Record<string, InputSpec>>,
  mode: Mode,
): Traced {
  if (typeof f !== "function")
    throw new UsageError(
      `${name}: compile takes a function of the inputs that gives tensors by name, got ${whatIs(f)}`,
    );
  const effects = new Trace(mode);
  const [inputs, outputs] = withTrace(effects, () => {
    const symbols = new Map(Object.entries(specs).map(([key, spec]) => [key, symbolOf(name, key, spec)]));
    const found = outputsOf(name, f(Object.fromEntries(symbols)));
    for (const settle of effects.atEnd) settle(effects);
    return [symbols, found];
  });
  const assigned = [...effects.assigned];
  const values = assigned.map((variable) => apart(effects.values.get(variable)!));
  needsOwn(name, [...Object.values(outputs), ...values], effects, new Set(inputs.values()));
  return {
    inputs,
    names: Object.keys(outputs),
    assigned,
    roots: [...Object.values(outputs), ...values],
    afterRun: effects.afterRun,
  };
}

function symbolOf(program: string, name: string, spec: InputSpec): Tensor {
  if (typeof spec !== "object" || spec === null)
    throw new UsageError(`${program}: input "${name}" is ${String(spec)}; give its shape, or { shape, dtype }`);
  const { shape, dtype = "f32" } = "shape" in spec ? spec : { shape: spec };
  return input(name, shape, dtype);
}

/** What a function gave, where that is tensors by name. Throws UsageError. */
function outputsOf(name: string, given: Outputs<string>): Outputs<string> {
  if (given instanceof Promise) {
    given.catch(() => {}); // A later rejection has no listener.
    throw new UsageError(
      `${name}: the function is async; a trace is one call that awaits nothing: await before compile`,
    );
  }
  const hint = "; return them by name: { y }, or {} for effects alone";
  if (typeof given !== "object" || given === null || given instanceof Tensor)
    throw new UsageError(`${name}: the function gave ${whatIs(given)} where tensors by name are expected${hint}`);
  for (const [key, t] of Object.entries(given))
    if (!(t instanceof Tensor)) throw new UsageError(`${name}: output "${key}" is ${whatIs(t)}`);
  return given;
}

/** Throws UsageError where something was made while another function was traced, or is no input of this one. */
function needsOwn(name: string, roots: readonly Tensor[], { id }: Trace, inputs: ReadonlySet<Tensor>): void {
  for (const node of ancestors(roots)) {
    const [t] = node.outputs;
    if (node.trace !== undefined && node.trace !== id)
      throw new UsageError(
        `${name}: ${t} was made in the function of another program; give its values as an input, or make it again`,
      );
    const symbol = inputOf(t);
    if (symbol && !symbol.feed && !inputs.has(t))
      throw new UsageError(`${name}: input "${symbol.name}" ${show(t.shape)} is none of this program's`);
  }
}

/** One variable's old value may be another's new one: it is set aside before anything is overwritten. */
const apart = (value: Tensor): Tensor => (aliasOf(value).base.node.op.kind === "source" ? copy(value) : value);

/** The roots of a graph as what they are for. */
function endsOf({ roots }: Graph, { names, assigned }: Traced): Ends {
  const values = roots.slice(names.length);
  return {
    outputs: roots.slice(0, names.length),
    assignments: assigned.map((variable, i) => ({ variable, value: values[i]! })),
  };
}

/** Throws LimitExceededError where the graph holds half precision and the device can't store it. */
function needsStorable(name: string, graph: Graph, traits: Traits): void {
  const half = graph.nodes.flatMap((n) => n.outputs).find((t) => t.dtype === "f16");
  if (half && !traits.f16)
    throw new LimitExceededError(
      `${name}: ${half} is half precision, which this device can't store: it has no feature shader-f16; ` +
        `leave out autocast("f16", …) and casts to f16`,
    );
}

/**
 * The graph with results computed again until its plan fits; throws MemoryBudgetError where none does. Without a budget
 * as far as that costs next to nothing, where it needs much memory.
 */
function* budget(
  name: string,
  whole: Planned,
  memoryBudget: number | undefined,
  planOf: (graph: Graph) => Steps<Planned>,
): Steps<Planned> {
  const isThrifty = memoryBudget === undefined;
  const goal = memoryBudget ?? Math.max(KEPT_BYTES, THRIFTY_SHARE * slotBytes(whole.plan));
  if (slotBytes(whole.plan) <= goal) return whole;
  const recompute = (isThrifty ? trainingPart.brought : training(`${name}: a memory budget`))?.recompute;
  if (!recompute) return whole;
  let made = whole;
  let reached = slotBytes(whole.plan);
  for (let round = 0; slotBytes(made.plan) > goal; round++) {
    const bytes = slotBytes(made.plan);
    reached = Math.min(reached, bytes);
    const next = round < ROUNDS ? recompute(made.graph, made.fusion, made.plan, bytes - goal) : undefined;
    const tried = next && (yield* planOf(next));
    if (isThrifty && !(tried && isWorth(tried.plan, bytes, whole.plan))) break;
    if (!tried) throw new MemoryBudgetError(name, { budget: goal, reached, whole: slotBytes(whole.plan) });
    made = tried;
  }
  return made;
}

/** Whether a plan saves much of `bytes` for next to no operations more than the whole's. */
const isWorth = (plan: Plan, bytes: number, whole: Plan): boolean =>
  flopsOf(plan) <= THRIFTY_FLOPS * flopsOf(whole) && slotBytes(plan) <= (1 - WORTH) * bytes;

const sumOf = <T>(items: readonly T[], f: (item: T) => number): number => items.reduce((n, item) => n + f(item), 0);
const slotBytes = (p: Plan): number => sumOf(p.slotBytes, (b) => b);
const textureBytes = (p: Plan): number => TEXELS_IN_ROW * TEXEL_BYTES * sumOf(p.textureRows, (rows) => rows);
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
    bytes: activationBytes + sumOf(p.storages, (s) => s.bytes) + textureBytes(p),
    lowerBoundBytes: p.lowerBoundBytes,
    flops,
    flopsRatio: leastFlops ? flops / leastFlops : 1,
    dispatches: sumOf(p.stages, (s) => s.dispatches.length) + 1,
    pipelines: new Set(p.stages.flatMap((s) => s.dispatches.map((d) => d.code))).size + 1,
    heaviest,
  };
}
