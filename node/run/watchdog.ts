// Whether the GPU still answers. An endless kernel is reported by no driver: reads wait, and nothing is heard. The
// process that waits can't free itself either, for to destroy such a device blocks it. So it tells another one how long
// it waits.
import type { Gpu } from "../../engine/gpu/gpu.ts";

/** The first read of a program waits for the driver's compiler too; that of all knows nothing to judge by. */
const FIRST_OF_ALL_MS = { software: 30 * 60_000, hardware: 120_000 };
const FIRST_MS = 60_000;
/** The first read of a program may take so many times what the longest of others took. */
const TIMES_LONGEST = 20;
const LEAST_MS = 10_000;
/** A read may take so many times what the median one of its program took. */
const TIMES_MEDIAN = 10;
/** Reads of a program that are remembered. */
const REMEMBERED = 50;
const BEAT_MS = 500;

/** What a supervised process tells twice a second. */
export interface Beat {
  /** A read that waits longer than it may: of what, and for how long. */
  readonly overdue?: { readonly what: string; readonly ms: number; readonly limitMs: number };
}

/** Watches the reads of a device. */
class ReadWatch {
  readonly #waiting = new Set<{ readonly what: string; readonly since: number }>();
  readonly #took = new Map<string, number[]>();
  #longest = 0;

  constructor(readonly gpu: Gpu) {
    // The methods of this device alone are replaced: no page pays for a watch that it does not have.
    const map = gpu.map.bind(gpu);
    const readBuffer = gpu.readBuffer.bind(gpu);
    gpu.map = (staging, ...rest) => this.#watched(staging.label.replace(/: staging$/, ""), map(staging, ...rest));
    gpu.readBuffer = (...range) => this.#watched("reading back", readBuffer(...range));
  }

  async #watched<T>(what: string, work: Promise<T>): Promise<T> {
    const read = { what, since: performance.now() };
    this.#waiting.add(read);
    try {
      const done = await work;
      const ms = performance.now() - read.since;
      this.#took.set(what, [...(this.#took.get(what) ?? []), ms].slice(-REMEMBERED));
      this.#longest = Math.max(this.#longest, ms);
      return done;
    } finally {
      this.#waiting.delete(read);
    }
  }

  beat(): Beat {
    for (const { what, since } of this.#waiting) {
      const ms = performance.now() - since;
      const limitMs = this.#limitOf(what);
      if (ms > limitMs) return { overdue: { what, ms, limitMs } };
    }
    return {};
  }

  #limitOf(what: string): number {
    const took = this.#took.get(what)?.toSorted((a, b) => a - b);
    if (!took && this.#longest > 0) return Math.max(FIRST_MS, TIMES_LONGEST * this.#longest);
    if (!took) return this.gpu.traits.cpu ? FIRST_OF_ALL_MS.software : FIRST_OF_ALL_MS.hardware;
    return Math.max(LEAST_MS, TIMES_MEDIAN * took[took.length >> 1]!);
  }
}

/** Variable of the environment that a supervisor sets. */
export const SUPERVISED = "CMEDL_SUPERVISED";
const devices = new Set<ReadWatch>();

/** Tells the process that supervises this one, if one does, whether the reads of `gpu` come back. */
export function watchFor(gpu: Gpu): void {
  if (process.env[SUPERVISED] !== "1" || !process.send) return;
  if (devices.size === 0) {
    // A supervisor that is gone hears nothing; the run goes on.
    const tell = (): void => {
      for (const device of devices) process.send?.(device.beat(), undefined, undefined, () => {});
    };
    setInterval(tell, BEAT_MS).unref();
    process.channel?.unref();
  }
  // Reads of a lost device fail at once, so devices before this one do not count.
  devices.clear();
  devices.add(new ReadWatch(gpu));
}
