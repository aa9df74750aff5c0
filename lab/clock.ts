// Wall time of work on a GPU. In Node a pending promise makes Dawn poll, which takes a core from a software adapter:
// so on those the process first sleeps for most of the time that the work took before. Peers are timed by the same
// code.

/** What it takes of a Gpu, or of a peer's device. */
export interface Waitable {
  readonly device: { readonly queue: Pick<GPUQueue, "onSubmittedWorkDone"> };
  readonly traits: { readonly cpu: boolean };
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

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
 */
export async function take(gpu: Waitable, submit: () => unknown, into: Samples): Promise<void> {
  const { ms, hostMs, awake } = await timed(gpu, submit, into.expectedMs);
  into.expectedMs = awake ? ms : 0.8 * into.expectedMs;
  if (!awake) return;
  into.ms.push(ms);
  into.hostMs.push(hostMs);
}
