// Brings all that products on tensor cores need.
import { preferTensorCores } from "../../kernels/tensor-cores.ts";
import { deviceMatrix } from "../gpu/matrix.ts";
import { tensorCores } from "../tensor-cores.ts";

/**
 * Devices that are opened from then on use WGSL's subgroup matrices where they have them. `openNodeGpu` does this; a page
 * may whose browser has `chromium-experimental-subgroup-matrix`, as Chrome behind a flag has.
 */
export function bringTensorCores(): void {
  preferTensorCores();
  tensorCores.bring(deviceMatrix);
}
