// Pairs of statistics, of which moments.ts and sums.ts have the walks, by parts of each column; and what joins parts.
import { defineKernel } from "../kernel.ts";
import { ceilDiv, fold } from "../launch.ts";
import mergeThen from "./merge-then-map.wgsl";
import merge from "./moments-merge.wgsl";
import type { GroupProblem, WalkProblem } from "./reduce.ts";

export const momentsMerge = defineKernel<Pick<WalkProblem, "outs">>("moments-merge", {
  source: merge,
  threads: (p) => p.outs,
});

/** Columns of `count` elements in parts of `rows` elements each, or in `splits` of them where no `rows` are given. */
export type PartsProblem = GroupProblem & { readonly count: number; readonly rows?: number; readonly splits: number };
/** One workgroup for `wide` columns and one part of their elements. */
export const byParts = (p: PartsProblem): readonly [number, number, number] =>
  fold(ceilDiv(p.outs, p.wide) * (p.rows ? ceilDiv(p.count, p.rows) : p.splits));
export const mergeThenMap = defineKernel<PartsProblem>("merge-then-map", { source: mergeThen, workgroups: byParts });
