// Products on tensor cores (WGSL's subgroup matrices): run/bring-tensor-cores.ts brings them, for browsers have them behind
// a flag alone, so that pages are without.
import type { Traits } from "../kernels/kernel.ts";
import { Part } from "./part.ts";

/** The WebGPU feature that the kernels' `enable chromium_experimental_subgroup_matrix` asks for. */
export const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

/** Which products a device does. */
export const tensorCores = new Part<
  (device: GPUDevice, info: GPUAdapterInfo | undefined) => Promise<Traits["matrix"]>
>();
