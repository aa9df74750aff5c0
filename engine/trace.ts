// What is recorded while a function is traced: its effects on variables, and whether it trains.
import { UsageError } from "./errors.ts";
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

let traces = 0;

/** One trace in progress: the current symbolic value of each variable it touched. */
export class Trace {
  readonly values = new Map<Variable, Tensor>();
  readonly assigned = new Set<Variable>();
  /** Settled at the trace's end. */
  averages: RunningAverage[] = [];
  /** Called after each run of the traced program, in order: host counters of optimizers. */
  readonly afterRun: (() => void)[] = [];
  constructor(
    readonly mode: Mode,
    /** Of this trace and of those that are a part of it. */
    readonly id = traces++,
  ) {}
}

let current: Trace | undefined;

export const currentTrace = (): Trace | undefined => current;

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
