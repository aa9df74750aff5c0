// Reductions and moments, over outer axes (columns) or inner axes (rows).
import { fold } from "../conv2d/conv2d.ts";
import { defineKernel } from "../kernel.ts";
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

const threads = (p: Readonly<Record<string, number>>): number => p.outs * p.splits;

export const reduceColumns = defineKernel("reduce-columns", { source: columns, threads });
export const reduceRows = defineKernel("reduce-rows", { source: rows, threads });
export const momentsColumns = defineKernel("moments-columns", { source: momentColumns, threads });
export const momentsRows = defineKernel("moments-rows", { source: momentRows, threads });
export const momentsMerge = defineKernel("moments-merge", { source: merge, threads: (p) => p.outs });
export const sumsColumns = defineKernel("sums-columns", { source: sums, threads });

/** One workgroup for `wide` columns, or for one row. */
const workgroups = (p: Readonly<Record<string, number>>): readonly [number, number, number] => [
  Math.ceil(p.outs / p.wide),
  1,
  1,
];
export const reduceGroup = defineKernel("reduce-group", { source: group, workgroups });
export const momentsThenMap = defineKernel("moments-then-map", { source: momentsThen, workgroups });
export const sumsThenMap = defineKernel("sums-then-map", { source: sumsThen, workgroups });

/** One workgroup for `wide` columns and one part of their elements: a chunk, or `rows` of them. */
const byParts = (p: Readonly<Record<string, number>>): readonly [number, number, number] =>
  fold(Math.ceil(p.outs / p.wide) * (p.rows ? Math.ceil(p.count / p.rows) : p.splits));
export const momentsGroup = defineKernel("moments-group", { source: momentGroup, workgroups: byParts });
export const sumsGroup = defineKernel("sums-group", { source: sumGroup, workgroups: byParts });
export const mergeThenMap = defineKernel("merge-then-map", { source: mergeThen, workgroups: byParts });
