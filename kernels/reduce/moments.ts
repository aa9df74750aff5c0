// Mean and variance of each column or row, in one walk.
import { defineKernel } from "../kernel.ts";
import columns from "./moments-columns.wgsl";
import group from "./moments-group.wgsl";
import rows from "./moments-rows.wgsl";
import then from "./moments-then-map.wgsl";
import { type GroupProblem, type WalkProblem, threads, workgroups } from "./reduce.ts";
import { type PartsProblem, byParts } from "./statistics.ts";

export const momentsColumns = defineKernel<WalkProblem>("moments-columns", { source: columns, threads });
export const momentsRows = defineKernel<WalkProblem>("moments-rows", { source: rows, threads });
export const momentsThenMap = defineKernel<GroupProblem>("moments-then-map", { source: then, workgroups });
export const momentsGroup = defineKernel<PartsProblem>("moments-group", { source: group, workgroups: byParts });
