// How a software adapter is waited for: node/gpu brings it, for Dawn in Node asks the driver in every turn of the event
// loop while anything is awaited, and so takes a core from the driver. In a page waiting costs nothing.
import { Part } from "./part.ts";

/** Waits for the runs of one program. */
export interface Patience {
  /** A run was submitted whose results will wait in this buffer. */
  submitted(to: GPUBuffer): void;
  /** As buffer.mapAsync(GPUMapMode.READ); `check` throws where it must not be asked any more. */
  map(buffer: GPUBuffer, check: () => void): Promise<void>;
}

export const patience = new Part<() => Patience>();
