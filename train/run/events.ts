// A run's log: one event a step, an epoch, a sign of a collapse. Each is a line of JSON.
import type { Sign } from "../collapse.ts";
import type { EpochReport, StepReport } from "../loop.ts";

export interface StepEvent {
  readonly event: "step";
  /** When it ended, in seconds since 1970. */
  readonly at: number;
  /** From 1. */
  readonly epoch: number;
  readonly step: number;
  /** Since the run began. */
  readonly steps: number;
  readonly ms: number;
  readonly losses: StepReport["losses"];
  /** Of the gradients, by optimizer. */
  readonly norms: StepReport["norms"];
}

export interface EpochEvent {
  readonly event: "epoch";
  /** When it ended, in seconds since 1970. */
  readonly at: number;
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
  readonly losses: EpochReport["losses"];
  /** The part of its weight that each scheduled term had at the end, 0 to 1; absent where none is scheduled. */
  readonly scheduled?: EpochReport["scheduled"];
  readonly validationLoss: number | null;
  readonly dice: number | null;
  /** Dice by case. */
  readonly cases: Readonly<Record<string, number>>;
  /** Dice by structure, where there are several. */
  readonly classes?: Readonly<Record<string, number | null>>;
  readonly best: boolean;
}

export interface SignEvent extends Sign {
  readonly event: "sign";
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
}

export type RunEvent = StepEvent | EpochEvent | SignEvent;

/** In seconds since 1970, to the millisecond. */
const now = (): number => Date.now() / 1000;

export const stepEvent = ({ epoch, step, steps, ms, losses, norms }: StepReport): StepEvent => ({
  event: "step",
  at: now(),
  epoch: epoch + 1,
  step: step + 1,
  steps,
  ms: Math.round(ms),
  losses,
  norms,
});

/** `names` are the structures'. */
export function epochEvent(
  { epoch, steps, losses, scheduled, validation, isBest }: EpochReport,
  names: readonly string[],
): EpochEvent {
  const classes = validation?.dice.classes;
  return {
    event: "epoch",
    at: now(),
    epoch: epoch + 1,
    steps,
    losses,
    ...(Object.keys(scheduled).length > 0 ? { scheduled } : {}),
    validationLoss: validation?.loss ?? null,
    dice: validation?.dice.mean ?? null,
    cases: validation?.dice.cases ?? {},
    ...(classes ? { classes: byName(classes, names) } : {}),
    best: isBest,
  };
}

export const signEvents = ({ epoch, steps, signs }: EpochReport): SignEvent[] =>
  signs.map((sign) => ({ event: "sign", epoch: epoch + 1, steps, ...sign }));

/** Dice of classes 1, 2, … under the names of their structures. */
const byName = (classes: readonly number[], names: readonly string[]): Record<string, number> =>
  Object.fromEntries(classes.map((d, k) => [names[k] ?? `class ${k + 1}`, d]));

/** The lines of events. */
export const linesOf = (events: readonly RunEvent[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join("");
