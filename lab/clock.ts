// Wall time of work on a GPU. In Node a pending promise makes Dawn poll, which takes a core from a software adapter:
// so on those the process first sleeps for most of the time that the work took before. Peers are timed by the same
// code.

/** What it takes of a Gpu, or of a peer's device. */
export interface Waitable {
  readonly device: { readonly queue: Pick<GPUQueue, "onSubmittedWorkDone"> };
  readonly traits: { readonly cpu: boolean };
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Sleeps, on a software adapter, for most of what the shortest took so far. */
export const restOf = async ({ traits }: Waitable, times: readonly number[]): Promise<void> => {
  if (traits.cpu && times.length > 0) await sleep(0.9 * Math.min(...times));
};

/**
 * Milliseconds from `submit()` until the queue is idle; `expectedMs` is slept through for 90 % first, where the
 * adapter is software.
 */
export async function settled(gpu: Waitable, submit: () => unknown, expectedMs = 0): Promise<number> {
  return (await timed(gpu, submit, expectedMs)).ms;
}

/** Also whether the work was still going on when the sleep ended: else `ms` is only the sleep's length. */
export async function timed(
  { device, traits }: Waitable,
  submit: () => unknown,
  expectedMs: number,
): Promise<{ ms: number; hostMs: number; awake: boolean }> {
  const start = performance.now();
  const pending = submit();
  if (pending instanceof Promise) await pending;
  const hostMs = performance.now() - start;
  const rest = traits.cpu ? 0.9 * expectedMs - hostMs : 0;
  if (rest > 1.5) await sleep(rest);
  const asked = performance.now();
  await device.queue.onSubmittedWorkDone();
  const now = performance.now();
  return { ms: now - start, hostMs, awake: rest <= 1.5 || now - asked > Math.max(0.5, 0.02 * expectedMs) };
}

export interface Samples {
  readonly ms: number[];
  readonly hostMs: number[];
  /** What the next run will take. */
  expectedMs: number;
}

export const noSamples = (expectedMs = 0): Samples => ({ ms: [], hostMs: [], expectedMs });

/**
 * Runs once more; the sample counts unless the sleep was longer than the work, which then is expected to be shorter.
 * What is expected is what the shortest took: on a busy machine the last may have been a long one, behind which others
 * would not count.
 */
export async function take(gpu: Waitable, submit: () => unknown, into: Samples): Promise<void> {
  const { ms, hostMs, awake } = await timed(gpu, submit, into.expectedMs);
  if (!awake) {
    into.expectedMs *= 0.8;
    return;
  }
  into.ms.push(ms);
  into.hostMs.push(hostMs);
  into.expectedMs = Math.min(...into.ms);
}
