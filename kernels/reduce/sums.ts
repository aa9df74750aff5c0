// Two sums of each column, in one walk: what the gradients of norms need.
import { defineKernel } from "../kernel.ts";
import { type GroupProblem, type WalkProblem, threads, workgroups } from "./reduce.ts";
import { type PartsProblem, byParts } from "./statistics.ts";
import columns from "./sums-columns.wgsl";
import group from "./sums-group.wgsl";
import then from "./sums-then-map.wgsl";

export const sumsColumns = defineKernel<WalkProblem>("sums-columns", { source: columns, threads });
export const sumsThenMap = defineKernel<GroupProblem>("sums-then-map", { source: then, workgroups });
export const sumsGroup = defineKernel<PartsProblem>("sums-group", { source: group, workgroups: byParts });
