// How software drivers divide the cores.
import { availableParallelism } from "node:os";

/** Processes that can train side by side without a GPU. */
export const coresHere = availableParallelism;

/**
 * Tells llvmpipe, before it is opened here or in processes begun from here, that so many train side by side: each has
 * its part of the cores, and with a core alone no thread of its own, which would be woken at every dispatch. Another
 * number that the user set stays; other drivers don't read it.
 */
export function shareCores(processes: number): void {
  const each = Math.floor(coresHere() / processes);
  process.env.LP_NUM_THREADS ??= String(each > 1 ? each : 0);
}
