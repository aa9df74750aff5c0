// Long work that shares its thread: it is done in steps, between which it can be aborted, tells how far it is, and
// gives the event loop back.

/** The phases of a compile, in their order. */
export type CompilePhase = "trace" | "fuse" | "lower" | "join" | "plan" | "pipelines" | "variables" | "bind";

/** So much of a phase is done; the next one begins at `done` = `total`. */
export interface CompileProgress {
  readonly phase: CompilePhase;
  readonly done: number;
  readonly total: number;
}

export interface Pacing {
  /**
   * Where it aborts, the call rejects with its reason (an AbortError, unless another was given), and leaves nothing on
   * the device.
   */
  signal?: AbortSignal | undefined;
  /** Hears of each step of a compile; with a memoryBudget `fuse` to `plan` come again for each plan that is tried. */
  onProgress?: ((progress: CompileProgress) => void) | undefined;
  /**
   * Milliseconds after which the event loop has its turn before the next step, so that a page stays alive; single
   * steps, such as the trace, may take longer. Default 50 with a signal, which nothing hears otherwise, else never.
   */
  yieldEveryMs?: number | undefined;
}

/** Work in steps, and what it gives at last. */
export type Steps<T> = Generator<CompileProgress, T>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const YIELD_EVERY_MS = 50;

/** The pace of one call. */
export class Pace {
  readonly signal: AbortSignal | undefined;
  readonly #onProgress: Pacing["onProgress"];
  readonly #everyMs: number;
  #since = performance.now();

  constructor({ signal, onProgress, yieldEveryMs = signal ? YIELD_EVERY_MS : Infinity }: Pacing = {}) {
    this.signal = signal;
    this.#onProgress = onProgress;
    this.#everyMs = yieldEveryMs;
    signal?.throwIfAborted();
  }

  tell(phase: CompilePhase, done: number, total: number): void {
    this.#onProgress?.({ phase, done, total });
  }

  /** Whether the event loop has to have its turn. */
  get isDue(): boolean {
    return performance.now() - this.#since >= this.#everyMs;
  }

  /** Lets everything else have its turn; throws the signal's reason where it was aborted. */
  async turn(): Promise<void> {
    await eventLoopTurn();
    this.#since = performance.now();
    this.signal?.throwIfAborted();
  }

  /** All steps, with turns between them; without any before the end where none is asked for. */
  async through<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      this.#onProgress?.(step.value);
      if (this.isDue) await this.turn();
    }
  }

  /** What is waited for anyway, during which the event loop turns. */
  async waitFor<T>(work: Promise<T>): Promise<T> {
    const found = await unlessAborted(work, this.signal);
    this.#since = performance.now();
    return found;
  }
}

/**
 * What `work` gives; where `signal` aborts before, its reason is thrown at once, and the result of the work is dropped.
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const settled = (): void => signal.removeEventListener("abort", abort);
    work.finally(settled).then(resolve, reject);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** A message to oneself: timers of a page wait longer, and those of one in the background for seconds. */
const eventLoopTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
