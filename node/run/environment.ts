// What a run was trained with and on: versions, the adapter and its driver, what was typed.
import { createRequire } from "node:module";
import { arch, platform, release } from "node:os";
import type { Device } from "../../engine/index.ts";
import { version } from "../../package.json";
import type { InitialWeights } from "./init.ts";

export interface Environment {
  readonly cmedl: string;
  /** Dawn's, as npm counts it; null where the GPU is not from the package webgpu. */
  readonly webgpu: string | null;
  readonly node: string;
  /** "linux 6.1.0 x64". */
  readonly system: string;
  /** Vendor, architecture, name and driver. */
  readonly adapter: string;
  /** Where the networks started; absent where at random, or where the run went on. */
  readonly init?: InitialWeights;
  /** What was typed, an argument each. */
  readonly command: readonly string[];
}

export const environmentOf = (device: Device, init?: InitialWeights): Environment => ({
  cmedl: version,
  webgpu: webgpuVersion(),
  node: process.versions.node,
  system: `${platform()} ${release()} ${arch()}`,
  adapter: device.gpu.adapterName,
  ...(init && { init }),
  command: process.argv.slice(1),
});

export function webgpuVersion(): string | null {
  try {
    return (createRequire(import.meta.url)("webgpu/package.json") as { version: string }).version;
  } catch {
    return null;
  }
}
