// Processor time of a software adapter's own threads: what a kernel costs there, however many others share the machine.
// Linux tells it for each thread; elsewhere there is none.
import { readFileSync, readdirSync } from "node:fs";

const TASKS = "/proc/self/task";

/** The threads of this process, by their numbers; none where the system tells nothing. */
function threads(): string[] {
  try {
    return readdirSync(TASKS);
  } catch {
    return [];
  }
}

/** Nanoseconds that a thread has run; 0 of one that has just ended. */
function ranNs(thread: string): number {
  try {
    return Number(readFileSync(`${TASKS}/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    return 0;
  }
}

/**
 * To be called before the GPU is opened: threads that are made later are the driver's. A clock of the milliseconds that
 * they have run, or undefined where the system does not tell. It never goes back: what a thread ran that has ended
 * since still counts.
 */
export function watchDriver(): (() => number) | undefined {
  const own = new Set(threads());
  if (![...own].some((thread) => ranNs(thread) > 0)) return undefined;
  const seenNs = new Map<string, number>();
  let totalNs = 0;
  return () => {
    for (const thread of threads()) {
      if (own.has(thread)) continue;
      const ran = ranNs(thread);
      const before = seenNs.get(thread) ?? 0;
      // Less than before: another thread has that number now.
      totalNs += ran < before ? ran : ran - before;
      seenNs.set(thread, ran);
    }
    return totalNs / 1e6;
  };
}
