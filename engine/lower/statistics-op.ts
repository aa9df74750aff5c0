// A reduction to two statistics, moments or two sums, brings its kernels and its lowering: a page without such an op is
// without them.
import type { Kernel } from "../../kernels/kernel.ts";
import type { ReduceOp } from "../op.ts";
import type { Steps } from "../pace.ts";
import type { Node } from "../tensor.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import type { ReduceStage, Walk, WalkOfChunks } from "./loops.ts";
import type { LoweredStage, Lowerer } from "./lower.ts";

/** Kernels that walk a tensor once for two statistics of each column. */
export interface StatisticsKernels {
  /** An invocation walks a column or a part of it. */
  readonly columns: Kernel;
  /** An invocation walks a row or a part of it; absent where the last axis is always kept. */
  readonly rows?: Kernel;
  /** A workgroup walks a part of neighbouring columns. */
  readonly group: Kernel;
  /** A workgroup walks neighbouring columns, and goes on with the elementwise stage behind them. */
  readonly thenMap: Kernel;
}

export interface StatisticsLowering {
  /** The dispatches of a stage that stands alone: of the whole walk, or of its windows. */
  lower(stage: ReduceStage, walk: Walk, windows: readonly WalkOfChunks[]): Dispatch[];
  /** All stages, statistics as a part of those that use them or make what they are of. */
  join(lowered: readonly LoweredStage[], lowerer: Lowerer): Steps<LoweredStage[]>;
}

export interface Statistics {
  readonly kernels: StatisticsKernels;
  readonly lowering: StatisticsLowering;
}

/** A reduction that gives two statistics. */
export interface StatisticsOp<A extends object> extends ReduceOp<A> {
  readonly statistics: Statistics;
}

export const statisticsOf = (node: Node): Statistics | undefined =>
  "statistics" in node.op ? (node.op as StatisticsOp<object>).statistics : undefined;
