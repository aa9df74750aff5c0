// Toggles of Dawn, as its create() takes them.
import { UsageError } from "../../engine/errors.ts";

/** Toggles that are known to Dawn and of use here; Dawn ignores unknown names in silence. */
export const knownDawnFeatures = [
  "allow_unsafe_apis",
  "vulkan_enable_f16_on_nvidia",
  "timestamp_quantization",
  "dump_shaders",
  "disable_robustness",
  "disable_workgroup_init",
  "use_vulkan_memory_model",
  "nonzero_clear_resources_on_creation_for_testing",
  "lazy_clear_resource_on_first_use",
] as const;

/**
 * Without the first Dawn offers no subgroup matrices, which are experimental, without the second no f16 on NVIDIA's
 * Vulkan driver.
 */
export const tensorCoreFeatures: readonly string[] = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"];

/** Timestamps in nanoseconds instead of multiples of 65.536 µs. */
export const profilingFeatures: readonly string[] = ["-timestamp_quantization"];

/** Throws UsageError. */
export function dawnFlags(features: readonly string[]): string[] {
  const unknown = features.find((f) => !(knownDawnFeatures as readonly string[]).includes(f.replace(/^-/, "")));
  if (unknown)
    throw new UsageError(`Dawn feature "${unknown}" is not known here; known are ${knownDawnFeatures.join(", ")}`);
  const off = features.filter((f) => f.startsWith("-")).map((f) => f.slice(1));
  const on = [...new Set([...tensorCoreFeatures, ...features])].filter((f) => !f.startsWith("-") && !off.includes(f));
  return [
    ...(on.length > 0 ? [`enable-dawn-features=${on.join(",")}`] : []),
    ...(off.length > 0 ? [`disable-dawn-features=${off.join(",")}`] : []),
  ];
}
