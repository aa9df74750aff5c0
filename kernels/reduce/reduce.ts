// Reductions and moments, over outer axes (columns) or inner axes (rows).
import { defineKernel } from "../kernel.ts";
import { ceilDiv, fold } from "../launch.ts";
import columns from "./reduce-columns.wgsl";
import rows from "./reduce-rows.wgsl";
import momentColumns from "./moments-columns.wgsl";
import momentRows from "./moments-rows.wgsl";
import merge from "./moments-merge.wgsl";
import sums from "./sums-columns.wgsl";
import group from "./reduce-group.wgsl";
import momentsThen from "./moments-then-map.wgsl";
import sumsThen from "./sums-then-map.wgsl";
import momentGroup from "./moments-group.wgsl";
import sumGroup from "./sums-group.wgsl";
import mergeThen from "./merge-then-map.wgsl";

/** `outs` sums, each cut into `splits` that an invocation walks. */
type WalkProblem = { readonly outs: number; readonly splits: number };
const threads = (p: WalkProblem): number => p.outs * p.splits;

export const reduceColumns = defineKernel<WalkProblem>("reduce-columns", { source: columns, threads });
export const reduceRows = defineKernel<WalkProblem>("reduce-rows", { source: rows, threads });
export const momentsColumns = defineKernel<WalkProblem>("moments-columns", { source: momentColumns, threads });
export const momentsRows = defineKernel<WalkProblem>("moments-rows", { source: momentRows, threads });
export const momentsMerge = defineKernel<Pick<WalkProblem, "outs">>("moments-merge", {
  source: merge,
  threads: (p) => p.outs,
});
export const sumsColumns = defineKernel<WalkProblem>("sums-columns", { source: sums, threads });

/** `outs` columns, of which a workgroup takes `wide`, or rows, of which it takes one. */
type GroupProblem = { readonly outs: number; readonly wide: number };
const workgroups = (p: GroupProblem): readonly [number, number, number] => [ceilDiv(p.outs, p.wide), 1, 1];
export const reduceGroup = defineKernel<GroupProblem>("reduce-group", { source: group, workgroups });
export const momentsThenMap = defineKernel<GroupProblem>("moments-then-map", { source: momentsThen, workgroups });
export const sumsThenMap = defineKernel<GroupProblem>("sums-then-map", { source: sumsThen, workgroups });

/** Columns of `count` elements in parts of `rows` elements each, or in `splits` of them where no `rows` are given. */
type PartsProblem = GroupProblem & { readonly count: number; readonly rows?: number; readonly splits: number };
/** One workgroup for `wide` columns and one part of their elements. */
const byParts = (p: PartsProblem): readonly [number, number, number] =>
  fold(ceilDiv(p.outs, p.wide) * (p.rows ? ceilDiv(p.count, p.rows) : p.splits));
export const momentsGroup = defineKernel<PartsProblem>("moments-group", { source: momentGroup, workgroups: byParts });
export const sumsGroup = defineKernel<PartsProblem>("sums-group", { source: sumGroup, workgroups: byParts });
export const mergeThenMap = defineKernel<PartsProblem>("merge-then-map", { source: mergeThen, workgroups: byParts });
