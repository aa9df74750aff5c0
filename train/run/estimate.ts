// What a run takes, by a few of its steps.
import type { Training } from "../loop.ts";

export interface StepsTaken {
  /** Of the GPU's memory, at the most since its device was opened. */
  readonly bytes: number;
  readonly secondsPerStep: number;
  readonly stepsPerEpoch: number;
  /** At most. */
  readonly epochs: number;
}

/** Rounds of the regime's steps that are done; the first, which waits for the driver, does not count. */
const ROUNDS = 2;

/**
 * Does a few steps, after which `training` is good for nothing else. Throws as `Training.run`, and the reason of
 * `signal` where that aborts.
 */
export async function timeSteps(training: Training, signal?: AbortSignal): Promise<StepsTaken> {
  const { stepsPerEpoch } = training.batches;
  const round = training.regime.steps.length;
  const enough = new AbortController();
  const times: number[] = [];
  await training.run(
    {
      onStep: ({ ms }) => {
        times.push(ms);
        if (signal?.aborted || times.length >= Math.min(ROUNDS * round, stepsPerEpoch)) enough.abort();
      },
    },
    enough.signal,
  );
  signal?.throwIfAborted();
  const counted = times.length > round ? times.slice(round) : times;
  const secondsPerStep = counted.reduce((sum, ms) => sum + ms, 0) / counted.length / 1000;
  return { bytes: training.device.counters.peakBytes, secondsPerStep, stepsPerEpoch, epochs: training.options.epochs };
}
