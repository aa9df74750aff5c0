// What an adapter says of itself, held against what WebGPU promises anywhere.
import { UsageError, isSoftwareAdapter } from "../../engine/index.ts";
import type { AdapterFacts } from "../adapter-facts.ts";

/** Properties of GPUAdapterInfo; browsers tell the later ones only with developer features on. */
const TOLD = [
  "vendor",
  "architecture",
  "device",
  "description",
  "driver",
  "backend",
  "type",
  "vkDriverVersion",
  "d3dShaderModel",
  "subgroupMinSize",
  "subgroupMaxSize",
];

const limitsOf = (limits: GPUSupportedLimits): Map<string, number> => {
  const found = new Map<string, number>();
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") found.set(name, value);
  }
  return found;
};

const adapterOf = async (gpu: GPU): Promise<GPUAdapter> => {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new UsageError("the browser gives no graphics adapter any more; reload the page");
  return adapter;
};

/** `used`: the features of the devices that compute. Throws UsageError where there is no adapter. */
export async function factsOf(gpu: GPU, used: ReadonlySet<string>): Promise<AdapterFacts> {
  const { info, features, limits } = await adapterOf(gpu);
  // A device that nothing is asked of has WebGPU's defaults. It takes an adapter of its own: each gives one device.
  const plain = await (await adapterOf(gpu)).requestDevice();
  const defaults = limitsOf(plain.limits);
  plain.destroy();
  const values = info as unknown as Readonly<Record<string, unknown>>;
  const told = TOLD.flatMap((name) => {
    const value = values[name];
    return value === undefined || value === "" ? [] : [[name, `${value}`] as const];
  });
  return {
    name: [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ") || "unknown",
    isSoftware: isSoftwareAdapter(info),
    told: Object.fromEntries(told),
    features: [...features].sort().map((name) => ({ name, isUsed: used.has(name) })),
    limits: [...limitsOf(limits)]
      .map(([name, value]) => ({ name, value, byDefault: defaults.get(name) ?? value }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
