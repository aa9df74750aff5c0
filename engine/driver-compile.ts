// Some drivers compile a pipeline when it first runs, one after the other: node/gpu brings what has them compile before,
// several at a time. In pages no driver gains by it, so that they are without it.
import { Part } from "./part.ts";

/** A pipeline that a device was asked for. */
export interface AskedPipeline {
  readonly device: GPUDevice;
  readonly code: string;
  readonly entries: readonly GPUBindGroupLayoutEntry[];
  readonly made: Promise<GPUComputePipeline>;
  /** Whether somebody still waits for it. */
  wanted(): boolean;
}

/** The same pipeline, compiled by the driver where it is worth to wait for that; rejects as `made` does, at once. */
export type DriverCompile = (asked: AskedPipeline) => Promise<GPUComputePipeline>;

export const driverCompile = new Part<DriverCompile>();
