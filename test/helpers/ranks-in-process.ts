// Ranks that are objects of one process: what they exchange never leaves it.
import type { Ranks } from "../../train/ranks.ts";

type Numbers = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** One call of one rank, and who waits for its answer. */
interface Call {
  readonly values: Numbers;
  readonly answer: (values: Numbers) => void;
}

/** `size` ranks; `sent` hears of the bytes that would leave rank 0 in each call, of a sum by ring all-reduce. */
export function ranksInProcess(size: number, sent?: (bytes: number) => void): Ranks[] {
  const waiting: Call[][] = Array.from({ length: size }, () => []);
  /** Once every rank has called: `f` of all values and a rank is that rank's answer. */
  const together = <N extends Numbers>(
    rank: number,
    values: N,
    leaves: number,
    f: (all: readonly N[], rank: number) => N,
  ): Promise<N> => {
    if (rank === 0) sent?.(leaves * values.byteLength);
    return new Promise((resolve) => {
      waiting[rank]!.push({ values: values.slice() as N, answer: (found) => resolve(found as N) });
      if (!waiting.every((calls) => calls.length > 0)) return;
      const calls = waiting.map((own) => own.shift()!);
      const all = calls.map((call) => call.values as N);
      calls.forEach(({ answer }, r) => answer(f(all, r)));
    });
  };
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    sum: (values) =>
      together(rank, values, (2 * (size - 1)) / size, (all) =>
        all[0]!.map((_, i) => all.reduce((sum, own) => Math.fround(sum + own[i]!), 0)),
      ),
    allToAll: (values) =>
      together(rank, values, (size - 1) / size, (all, r) => {
        const n = values.length / size;
        return Uint16Array.from(all.flatMap((own) => [...own.subarray(r * n, (r + 1) * n)]));
      }),
    allGather: (values) => together(rank, values, size - 1, (all) => Uint16Array.from(all.flatMap((own) => [...own]))),
  }));
}
