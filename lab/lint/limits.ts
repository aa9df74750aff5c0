// What every WebGPU device can do, by the specification's defaults.
import type { DeviceLimits } from "../../engine/lower/kernels.ts";
import type { PlanLimits } from "../../engine/plan/limits.ts";
import { type Finding, type WgslFile, findingAt } from "./finding.ts";

/** Limits that a plan for any device keeps. */
export const DEFAULT_LIMITS: DeviceLimits & PlanLimits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 128 * 2 ** 20,
  maxBufferBytes: 256 * 2 ** 20,
  maxWorkgroups: 65_535,
};

const MOST_INVOCATIONS = 256;

/**
 * A workgroup that is plainly too large, by the numbers and constants of its attribute: what a compiler does not come
 * to where the module has other errors.
 */
export function tooLargeWorkgroups(file: WgslFile): Finding[] {
  const { source } = file;
  const constants = new Map(
    [...source.matchAll(/^const (\w+)\s*=\s*(\d+)u?;/gm)].map(([, name = "", value]) => [name, Number(value)]),
  );
  return [...source.matchAll(/@workgroup_size\(([\w\s,]*)\)/g)].flatMap((m) => {
    const sizes = m[1]!.split(",").map((size) => constants.get(size.trim()) ?? parseInt(size, 10));
    const invocations = sizes.reduce((product, size) => product * size, 1);
    if (!(invocations > MOST_INVOCATIONS)) return [];
    const message = `the workgroup has ${invocations} invocations; every device has ${MOST_INVOCATIONS}, and some no more`;
    return [findingAt(file, "limit", m.index, m[0].length, message)];
  });
}
