// What the harness asks of an engine, ours or another.
import type { PeerCase } from "./peer-cases.ts";

export type Results = Record<string, Float32Array>;

export interface Ready {
  /** The device it computes on. */
  readonly device: GPUDevice;
  /** One run, submitted to the queue; may wait for what it must, not for the results. */
  submit(): unknown;
  /** Results of the latest run by name, NHWC and RSCK. */
  results(): Promise<Results>;
  dispose(): void;
}

export interface Engine {
  /** Throws with the reason where the engine can't do the case. */
  prepare(c: PeerCase): Promise<Ready>;
}

/** Opens an engine on the adapter that `gpu` gives. */
export type OpenEngine = (gpu: GPU) => Promise<Engine>;

export type EngineName = "cmedl" | "tfjs" | "jaxjs";
export const ENGINES: readonly EngineName[] = ["cmedl", "tfjs", "jaxjs"];
