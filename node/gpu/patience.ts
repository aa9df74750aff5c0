// Waiting for a driver that computes on the cores. While anything is awaited Dawn (npm webgpu 0.6.2) asks the driver in
// every turn of Node's event loop, on a core that the driver could use. So most of the time that a run takes at least is
// slept through, and then it is asked now and then.
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
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

/** Maps a buffer if it can be mapped by now. */
export async function mappedNow(buffer: GPUBuffer): Promise<boolean> {
  const mapped = buffer.mapAsync(GPUMapMode.READ).then(() => true);
  // Dawn asks in the next turn.
  const asked = turn().then(() => turn(false));
  if (await Promise.race([mapped, asked])) return true;
  mapped.catch(() => {}); // it is taken back
  buffer.unmap();
  return false;
}

export class DriverPatience implements Patience {
  /** When runs were submitted that were not read yet. */
  readonly #submitted = new Map<GPUBuffer, number>();
  /** What the last runs took, without the first, in which a driver compiles. */
  #took: readonly number[] = [];
  /** When the last run was found done, and when the latest of those found done was submitted. */
  #doneMs = 0;
  #latestMs = 0;

  submitted(to: GPUBuffer): void {
    this.#submitted.set(to, performance.now());
  }

  async map(buffer: GPUBuffer, check: () => void): Promise<void> {
    const submitted = this.#submitted.get(buffer);
    this.#submitted.delete(buffer);
    // A run behind another begins when that is done.
    const began = submitted === undefined ? 0 : Math.max(submitted, this.#doneMs);
    const waited = await this.#wait(buffer, began, check);
    // What is read again, or after a later run, or was done before it was asked for, says nothing of a run's time.
    if (submitted === undefined || submitted < this.#latestMs) return;
    const now = performance.now();
    if (waited && this.#latestMs > 0) this.#took = [...this.#took, now - began].slice(-TELLING);
    this.#latestMs = submitted;
    this.#doneMs = now;
  }

  /** Resolves when the buffer is mapped: to whether the run that began then (0: long ago) was waited for. */
  async #wait(buffer: GPUBuffer, began: number, check: () => void): Promise<boolean> {
    const elapsed = (): number => performance.now() - began;
    const expected = this.#took.length > 0 ? Math.min(...this.#took) : 0;
    let waited = false;
    let pause = SLEPT * expected - elapsed();
    while (expected > LONG_MS && elapsed() < MOST * expected) {
      if (pause > 0) {
        await sleep(pause);
        waited = true;
      }
      check();
      if (await mappedNow(buffer)) return waited;
      pause = BETWEEN * expected;
    }
    check();
    const asked = performance.now();
    await buffer.mapAsync(GPUMapMode.READ);
    return waited || performance.now() - asked > LONG_MS;
  }
}
