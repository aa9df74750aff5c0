// cmedl doctor: which GPU is used here, why, what it can do, and what to install for speed.

import type { Command } from "commander";
import { version } from "../package.json";
import { webgpuVersion } from "../node/run/environment.ts";
import { adapterMatrix } from "../engine/gpu/matrix.ts";
import { MATRIX_FEATURE } from "../engine/tensor-cores.ts";
import type { Traits } from "../kernels/kernel.ts";
import { PackageMissingError } from "../errors/package-missing.ts";
import { GpuUnavailableError } from "../engine/index.ts";
import { type GpuChoice, describeChoice, openNodeGpu } from "../node/gpu/open.ts";
import { addDeviceFlag } from "./open-device.ts";
import { type InstallHint, installHint, readSystem } from "../node/gpu/install-hint.ts";

/** Limits that decide what can be run, with the values that WebGPU promises everywhere. */
const limitDefaults = {
  maxBufferSize: 268_435_456,
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
} as const;

/** Products of small matrices that the kernels can use, by the type of their factors; null without the feature. */
type TensorCores = NonNullable<Traits["matrix"]> | null;

export interface Report {
  versions: { cmedl: string; node: string; webgpu: string; platform: string };
  /** Null where no GPU was found; `tried` then tells why. */
  gpu:
    | (GpuChoice & {
        f16: boolean;
        timestamps: boolean;
        subgroups: false | [min: number, max: number];
        tensorCores: TensorCores;
        features: string[];
        limits: Record<string, { here: number; default: number }>;
      })
    | null;
  tried: GpuChoice["tried"];
  /** For speed, or for running at all; none where a package is missing. */
  hint: InstallHint | null;
}

export function register(command: Command): void {
  command.option("--json", "print the report as JSON");
  addDeviceFlag(command)
    .addHelpText(
      "after",
      "\nExamples:\n  cmedl doctor\n  cmedl doctor --json | jq .gpu.name\n  cmedl doctor --device swiftshader",
    )
    .action(async ({ json, device }: { json?: boolean; device?: string }) => {
      const { report, error } = await examine(device);
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${describeReport(report)}\n`);
      if (error) throw error;
    });
}

/** The report, and the typed error where no GPU was found, or no Dawn. */
async function examine(
  device?: string,
): Promise<{ report: Report; error?: GpuUnavailableError | PackageMissingError }> {
  const versions = {
    cmedl: version,
    node: process.versions.node,
    webgpu: webgpuVersion() ?? "not installed",
    platform: `${process.platform} ${process.arch}`,
  };
  try {
    const { adapter, choice } = await openNodeGpu({ device, quiet: true });
    const { info, limits } = adapter;
    const tensorCores = adapter.features.has(MATRIX_FEATURE as GPUFeatureName)
      ? adapterMatrix(info, adapter.features.has("shader-f16"))
      : undefined;
    const gpu: Report["gpu"] = {
      ...choice,
      f16: adapter.features.has("shader-f16"),
      timestamps: adapter.features.has("timestamp-query"),
      subgroups: adapter.features.has("subgroups") && [info.subgroupMinSize!, info.subgroupMaxSize!],
      tensorCores: tensorCores ?? null,
      features: [...adapter.features].sort(),
      limits: Object.fromEntries(
        Object.entries(limitDefaults).map(([name, value]) => [
          name,
          { here: limits[name as keyof typeof limitDefaults], default: value },
        ]),
      ),
    };
    return { report: { versions, gpu, tried: choice.tried, hint: choice.software ? installHint(readSystem()) : null } };
  } catch (error) {
    if (error instanceof PackageMissingError) {
      const tried = [{ how: "webgpu", result: error.message }];
      return { report: { versions, gpu: null, tried, hint: null }, error };
    }
    if (!(error instanceof GpuUnavailableError)) throw error;
    // Of a name that no adapter has the error says it: nothing is to be installed where others are.
    const hint = device !== undefined && (await hasAdapter()) ? null : installHint(readSystem());
    return { report: { versions, gpu: null, tried: [...error.tried], hint }, error };
  }
}

/** Whether some adapter is there, whatever its name. */
const hasAdapter = async (): Promise<boolean> =>
  openNodeGpu({ device: "", quiet: true }).then(
    () => true,
    () => false,
  );

/** "tensor cores (f16 16 × 16 × 16)". */
export function describeTensorCores(cores: TensorCores): string {
  const sizes = (["f16", "f32"] as const).flatMap((type) =>
    cores?.[type] ? [`${type} ${cores[type].m} × ${cores[type].n} × ${cores[type].k}`] : [],
  );
  return sizes.length > 0 ? `tensor cores (${sizes.join(", ")})` : "no tensor cores";
}

/** The report for people: one fact a line. */
function describeReport({ versions, gpu, tried, hint }: Report): string {
  const { cmedl, node, webgpu, platform } = versions;
  return [
    ...rows("cmedl", [`${cmedl}, Node ${node}, npm webgpu ${webgpu}, ${platform}`]),
    ...rows("uses", [gpu ? describeChoice(gpu) : "no GPU"]),
    ...(gpu ? rows("because", [gpu.reason]) : []),
    ...(gpu ? rows("adapters", gpu.adapters.map(describeAdapter)) : []),
    ...rows(
      "tried",
      tried.map((t) => `${t.how}: ${t.result}`),
    ),
    ...(gpu ? rows("can do", [describeFeatures(gpu)]) : []),
    ...(gpu ? rows("limits", describeLimits(gpu)) : []),
    ...(hint ? describeHint(gpu?.name ?? "", hint) : []),
  ].join("\n");
}

type Gpu = NonNullable<Report["gpu"]>;

/** A fact of one or several lines; the first has its title. */
const rows = (title: string, lines: readonly string[]): string[] =>
  lines.map((line, i) => `${(i === 0 ? title : "").padEnd(11)}${line}`);

const describeAdapter = ({ name, backend, software }: GpuChoice["adapters"][number]): string =>
  `${name} (${backend}${software ? ", software" : ""})`;

function describeFeatures({ f16, subgroups, tensorCores, timestamps }: Gpu): string {
  return [
    f16 ? "f16" : "no f16",
    describeSubgroups(subgroups),
    describeTensorCores(tensorCores),
    timestamps ? "timestamps" : "no timestamps",
  ].join(", ");
}

function describeSubgroups(sizes: Gpu["subgroups"]): string {
  if (!sizes) return "no subgroups";
  const [min, max] = sizes;
  return min === max ? `subgroups of ${min}` : `subgroups of ${min} to ${max}`;
}

function describeLimits({ limits }: Gpu): string[] {
  const number = (n: number): string => n.toLocaleString("en-US");
  return Object.entries(limits).map(
    ([name, l]) => `${name.padEnd(34)}${number(l.here).padStart(14)}   (WebGPU's default ${number(l.default)})`,
  );
}

function describeHint(gpuName: string, { summary, commands }: InstallHint): string[] {
  if (/llvmpipe/i.test(gpuName))
    return rows("for speed", [
      "lavapipe is the fastest software Vulkan; " +
        "a GPU with its vendor's Vulkan driver is about a hundred times faster",
    ]);
  const title = /swiftshader/i.test(gpuName) ? "for speed" : "mend";
  return rows(title, [summary, ...commands.map((c) => `  ${c}`)]);
}
