// Which indices of kernels leave what they read and write, of every kernel of a program.
import { Device, type Feeds, type Program } from "../../engine/index.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { type Log, type OutOfRange, outOfRange } from "../../lab/debug/log.ts";
import { environment } from "./environment.ts";

/** Buffers that kernels may bind, as devices of the engine have it: one more has room for the log. */
const BUFFERS = 8;

/** A device that binds more buffers than it tells. */
export async function roomyDevice(traits?: Partial<Traits>): Promise<{ readonly device: Device } & AsyncDisposable> {
  const adapter = (await (await environment().gpu()).gpu.requestAdapter())!;
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const raw = await adapter.requestDevice({
    requiredFeatures: (["shader-f16", "subgroups"] as const).filter((f) => adapter.features.has(f)),
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
  const device = await Device.open(raw, { traits });
  takeRoom(device);
  return {
    device,
    [Symbol.asyncDispose]: async () => {
      device.dispose();
      raw.destroy();
    },
  };
}

/** As `outOfRange`, of a program of a roomy device. */
export async function indicesOutOfRange(device: Device, program: Program, feeds: Feeds): Promise<Log<OutOfRange>> {
  Reflect.deleteProperty(device.gpu, "maxStorageBuffers");
  try {
    return await outOfRange(program, feeds);
  } finally {
    takeRoom(device);
  }
}

const takeRoom = (device: Device): void =>
  void Object.defineProperty(device.gpu, "maxStorageBuffers", { value: BUFFERS, configurable: true });
