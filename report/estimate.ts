// What a run would take, in words.
import { bytesText, clock } from "./quantities.ts";

export interface RunEstimate {
  /** Of the GPU's memory, at the most. */
  readonly bytes: number;
  /** Of the host's memory: the slices that it holds. */
  readonly hostBytes: number;
  readonly secondsPerStep: number;
  readonly stepsPerEpoch: number;
  /** At most. */
  readonly epochs: number;
}

/** An estimate in a sentence. */
export function estimateText({ bytes, hostBytes, secondsPerStep, stepsPerEpoch, epochs }: RunEstimate): string {
  const epoch = secondsPerStep * stepsPerEpoch;
  const step = secondsPerStep >= 10 ? clock(secondsPerStep) : `${secondsPerStep.toPrecision(2)} s`;
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  return (
    `a run takes ${(bytes / 2 ** 20).toFixed(0)} MiB of the GPU's memory, ${bytesText(hostBytes)} of the host's for ` +
    `slices, and here ${step} a step: ${clock(epoch)} for an epoch of ${count(stepsPerEpoch, "step")}, ` +
    `${clock(epoch * epochs)} for ${count(epochs, "epoch")}, and validation beside`
  );
}
