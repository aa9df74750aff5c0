// Waiting for a driver that computes on the cores. While anything is awaited Dawn (npm webgpu 0.6.2) asks the driver in
// every turn of Node's event loop, on a core that the driver could use. So most of the time that a run takes is slept
// through, and then it is asked now and then.
import type { Patience } from "../../engine/patience.ts";

/** Runs that take less are awaited as they are. */
const LONG_MS = 2;
/** How many runs tell what the next one takes at least: on a shared machine the last alone may have been a long one. */
const TELLING = 4;
/** How much of that time is slept through, and how much between two questions. */
const SLEPT = 0.75;
const BETWEEN = 0.01;
/** A run that takes so many times that time is awaited as it is. */
const MOST = 4;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Maps a buffer if it can be mapped by now. */
async function mappedNow(buffer: GPUBuffer): Promise<boolean> {
  const mapped = buffer.mapAsync(GPUMapMode.READ).then(() => true);
  // Dawn asks in the next turn.
  const asked = turn()
    .then(turn)
    .then(() => false);
  if (await Promise.race([mapped, asked])) return true;
  mapped.catch(() => {}); // it is taken back
  buffer.unmap();
  return false;
}

export class DriverPatience implements Patience {
  readonly #submitted = new Map<GPUBuffer, number>();
  /** What the last runs took, without the first, in which a driver compiles. */
  #last: readonly number[] = [];
  /** When the last run was found done. */
  #doneMs: number | undefined;

  submitted(to: GPUBuffer): void {
    this.#submitted.set(to, performance.now());
  }

  async map(buffer: GPUBuffer, check: () => void): Promise<void> {
    const expected = this.#last.length > 0 ? Math.min(...this.#last) : 0;
    // A run behind another begins when that is done.
    const elapsed = (): number => performance.now() - Math.max(this.#submitted.get(buffer) ?? 0, this.#doneMs ?? 0);
    if (expected > LONG_MS) await sleep(SLEPT * expected - elapsed());
    while (expected > LONG_MS && elapsed() < MOST * expected) {
      check();
      if (await mappedNow(buffer)) return this.#done(elapsed());
      await sleep(BETWEEN * expected);
    }
    check();
    await buffer.mapAsync(GPUMapMode.READ);
    this.#done(elapsed());
  }

  #done(ms: number): void {
    if (this.#doneMs !== undefined) this.#last = [...this.#last, ms].slice(-TELLING);
    this.#doneMs = performance.now();
  }
}
