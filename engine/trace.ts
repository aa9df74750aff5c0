// What is recorded while a function is traced: its effects on variables, and whether it trains.
import { UsageError } from "./errors.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import type { Variable } from "./variable.ts";

export type Mode = "train" | "infer";

/** A variable that follows the average of what each run computes. */
export interface RunningAverage {
  readonly running: Variable;
  readonly batch: Tensor;
  readonly momentum: number;
  readonly scale: number;
  /** Assigns it now: who reads the variable within the step gets the new value. */
  settle(): void;
}

/**
 * The processes that train together, as a step that is traced for one of them sees them: each has an equal part of the
 * batch. A loss is this rank's own, and what all minimize is its mean over the ranks.
 */
export interface TracedRanks {
  readonly size: number;
  /** x summed over the ranks. */
  sum(x: Tensor): Tensor;
  /** The mean of x over the ranks. */
  mean(x: Tensor): Tensor;
  /** The same of a gradient, which has no derivative. */
  meanGradient(x: Tensor): Tensor;
  /** Mean and biased variance of the whole batch over `axes`, the first among them, sizes kept as 1. */
  moments(x: Tensor, axes: readonly number[]): { mean: Tensor; variance: Tensor };
  /**
   * x normalised by these moments, then weight and bias, which vary along no axis of `axes`; with the moments. All f32.
   */
  normalize(
    x: Tensor,
    axes: readonly number[],
    eps: number,
    affine: { readonly weight?: Tensor; readonly bias?: Tensor },
  ): { y: Tensor; mean: Tensor; variance: Tensor };
  /** Parts of all ranks [N, …] as the whole batch, and of that the own part. */
  whole(x: Tensor): Tensor;
  own(x: Tensor): Tensor;
  /** As iota(shape), of where a part [N, …] stands in the whole batch. */
  places(shape: Shape): Tensor;
}

let traces = 0;

/** One trace in progress: the current symbolic value of each variable it touched. */
export class Trace {
  readonly values = new Map<Variable, Tensor>();
  readonly assigned = new Set<Variable>();
  averages: RunningAverage[] = [];
  /** Called once at the trace's end, within it. */
  readonly atEnd = new Set<(trace: Trace) => void>();
  /** Called after each run of the traced program, in order: host counters of optimizers. */
  readonly afterRun: (() => void)[] = [];
  /** Where others have parts of the batch too. */
  ranks?: TracedRanks;
  constructor(
    readonly mode: Mode,
    /** Of this trace and of those that are a part of it. */
    readonly id = traces++,
  ) {}
}

let current: Trace | undefined;

export const currentTrace = (): Trace | undefined => current;

/** Sums over the ranks that share the traced batch; undefined where one process has all of it. */
export const ranks = (): TracedRanks | undefined => current?.ranks;

/** A sum over this rank's part of a batch, over the whole batch. */
export const sumOfRanks = (x: Tensor): Tensor => current?.ranks?.sum(x) ?? x;

/** The trace in progress; throws a UsageError that says who needs one. */
export function requireTrace(who: string): Trace {
  if (!current)
    throw new UsageError(`${who} has an effect, so it belongs inside the function given to device.compile()`);
  return current;
}

/** "train" inside a training trace; otherwise batch norm uses running statistics and dropout is off. */
export const mode = (): Mode => current?.mode ?? "infer";

/**
 * What `f` gives, traced as a part of the trace in progress, but without its effects: no variable is assigned, no
 * average followed, no counter moved. Reads see the variables as they are before the run. Throws UsageError outside a
 * trace.
 */
export function withoutEffects<T>(f: () => T): T {
  const { mode, id } = requireTrace("withoutEffects");
  return withTrace(new Trace(mode, id), f);
}

export function withTrace<T>(trace: Trace, f: () => T): T {
  const outer = current;
  current = trace;
  try {
    return f();
  } finally {
    current = outer;
  }
}
