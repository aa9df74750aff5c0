// What changes over a run: learning rates by epochs, weights of loss terms by steps.
import { type Tensor, hostInput } from "../engine/index.ts";

/** 1 up to epoch `from` (counted from 0), then falling in even steps: by 1/(over + 1) an epoch. */
export const linearDecay = (epoch: number, from: number, over: number): number =>
  1 - Math.max(0, epoch - from) / (over + 1);

/** When a weight starts to rise from 0 and when it is full, as parts of all steps of a run, from 0 to 1. */
export type Course = readonly [from: number, full: number];

/** The part of a weight that counts once `done` of `total` steps are done, in the step that comes next. */
export function courseAt([from, full]: Course, done: number, total: number): number {
  const start = Math.round(from * total);
  const rise = Math.round(full * total) - start;
  const step = done + 1 - start;
  if (step <= 0) return 0;
  return step >= rise ? 1 : step / rise;
}

/** The weight of one loss term over a run, as a factor from 0 to 1 that programs read at each step. */
export class Ramp {
  /** The factor of the next run. */
  value = 0;
  constructor(
    readonly term: string,
    readonly course: Course,
  ) {}

  moveTo(done: number, total: number): void {
    this.value = courseAt(this.course, done, total);
  }

  /** Scalar; to be traced. */
  factor(): Tensor {
    return hostInput(`ramp of ${this.term}`, [], () => [this.value]);
  }
}
