// Where a GPUDevice comes from, and what its adapter says of itself.
import { GpuUnavailableError, UsageError } from "../errors.ts";
import { MATRIX_FEATURE, tensorCores } from "../tensor-cores.ts";

/** Where a device comes from: navigator.gpu, an adapter, or the caller's own device (which is never destroyed here). */
export type GpuSource = GPU | GPUAdapter | GPUDevice;

/** Methods that tell a device, an adapter and navigator.gpu. */
const SOURCES = ["createBuffer", "requestDevice", "requestAdapter"];

/** A device of `source`, with what of the engine's features the adapter has. Throws GpuUnavailableError where there is none. */
export async function requestDevice(source: GpuSource): Promise<{
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo | undefined;
  /** Whether it is the caller's own. */
  readonly borrowed: boolean;
}> {
  // navigator.gpu, where a page has none.
  if (source === undefined)
    throw new GpuUnavailableError(
      "no WebGPU: a page has none where the browser is too old, or the page is not secure (https, localhost); " +
        "in Node take (await openNodeGpu()).gpu of cmedl/node",
    );
  if (typeof source !== "object" || source === null || !SOURCES.some((method) => method in source))
    throw new UsageError(
      `Device.open takes navigator.gpu, a GPUAdapter or a GPUDevice, got ${source === null ? "null" : typeof source}; ` +
        "in Node: (await openNodeGpu()).gpu of cmedl/node",
    );
  if ("createBuffer" in source) return { device: source, info: source.adapterInfo, borrowed: true };
  const adapter =
    "requestDevice" in source ? source : await source.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter)
    throw new GpuUnavailableError(
      "no WebGPU adapter: switch hardware acceleration on in the browser's settings, or update the driver",
    );
  const plain = ["timestamp-query", "shader-f16", "subgroups"] as GPUFeatureName[];
  const wanted = tensorCores.brought ? [...plain, MATRIX_FEATURE as GPUFeatureName] : plain;
  const request = (features: readonly GPUFeatureName[]): Promise<GPUDevice> =>
    adapter.requestDevice({
      requiredFeatures: features.filter((f) => adapter.features.has(f)),
      requiredLimits: {
        maxBufferSize: adapter.limits.maxBufferSize,
        maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
      },
    });
  // What is experimental must not keep a device from being opened.
  const device = await request(wanted).catch(() => request(plain));
  return { device, info: adapter.info, borrowed: false };
}

/** Adapters that compute on the processor, by what they say of themselves. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  const { vendor, architecture, device, description } = info;
  return info.isFallbackAdapter === true || isSoftwareName(`${vendor} ${architecture} ${device} ${description}`);
}

/** Adapters that read storage textures in a fraction of the time that a buffer takes. */
export const readsTexelsFaster = ({ architecture, device, description }: GPUAdapterInfo): boolean =>
  /llvmpipe|lavapipe/i.test(`${architecture} ${device} ${description}`);

/** Whether a name is that of a driver without a GPU. */
export const isSoftwareName = (name: string): boolean =>
  /llvmpipe|lavapipe|swiftshader|basic render|softpipe|\bcpu\b/i.test(name);
