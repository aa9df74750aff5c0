// Reductions over outer axes (columns) or inner axes (rows).
import { defineKernel } from "../kernel.ts";
import { ceilDiv } from "../launch.ts";
import columns from "./reduce-columns.wgsl";
import group from "./reduce-group.wgsl";
import rows from "./reduce-rows.wgsl";

/** `outs` sums, each cut into `splits` that an invocation walks. */
export type WalkProblem = { readonly outs: number; readonly splits: number };
export const threads = (p: WalkProblem): number => p.outs * p.splits;

export const reduceColumns = defineKernel<WalkProblem>("reduce-columns", { source: columns, threads });
export const reduceRows = defineKernel<WalkProblem>("reduce-rows", { source: rows, threads });

/** `outs` columns, of which a workgroup takes `wide`, or rows, of which it takes one. */
export type GroupProblem = { readonly outs: number; readonly wide: number };
export const workgroups = (p: GroupProblem): readonly [number, number, number] => [ceilDiv(p.outs, p.wide), 1, 1];
export const reduceGroup = defineKernel<GroupProblem>("reduce-group", { source: group, workgroups });
