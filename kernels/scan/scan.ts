// Running sums along the middle of three axes: in one walk, or chunk by chunk in three.
import { lanes } from "../lanes.ts";
import chunksSource from "./scan-chunks.wgsl";
import totalsSource from "./scan-totals.wgsl";
import source from "./scan.wgsl";

/** x [outer, n, c], sums along n in `chunks` of `chunk` elements; `reverse` is 0, or 1 for sums from the end. */
type ScanProblem = {
  readonly outer: number;
  readonly n: number;
  readonly c: number;
  readonly chunks: number;
  readonly reverse: number;
};

const size = (p: Pick<ScanProblem, "outer" | "n" | "c">): number => p.outer * p.n * p.c;
const consts = (p: Pick<ScanProblem, "reverse">) => ({ REVERSE: p.reverse === 1 });

export const scan = lanes<Omit<ScanProblem, "chunks">>("scan", {
  source,
  consts,
  threads: (p) => p.outer * p.c,
  cost: (p) => ({ flops: size(p), bytes: 8 * size(p) }),
});
export const scanTotals = lanes<ScanProblem>("scan-totals", {
  source: totalsSource,
  consts,
  threads: (p) => p.outer * p.chunks * p.c,
  cost: (p) => ({ flops: size(p), bytes: 4 * size(p) }),
});
export const scanChunks = lanes<ScanProblem>("scan-chunks", {
  source: chunksSource,
  consts,
  threads: (p) => p.outer * p.chunks * p.c,
  cost: (p) => ({ flops: size(p), bytes: 8 * size(p) }),
});
