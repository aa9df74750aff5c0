// A device for what is checked and never run.
import { MATRIX_FEATURE } from "../../engine/tensor-cores.ts";
import { GpuUnavailableError } from "../../engine/errors.ts";
import { type GpuChoice, keptForever, loadDawn } from "./open.ts";

/**
 * A device that validates and runs nothing, by Dawn's null back end: it needs no driver, and has the limits that every
 * device has. Throws PackageMissingError where webgpu is not installed, GpuUnavailableError where it does not load.
 */
export async function openValidator(): Promise<GPUDevice> {
  const tried: GpuChoice["tried"] = [];
  const { create } = await loadDawn(tried);
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  keptForever.push(gpu);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new GpuUnavailableError("Dawn has no null back end here: kernels can't be validated", tried);
  const requiredFeatures = ["shader-f16", "subgroups", MATRIX_FEATURE] as GPUFeatureName[];
  return adapter.requestDevice({ requiredFeatures });
}
