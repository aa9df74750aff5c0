// The engine's device in Node, and one line on stderr about what it runs on.
import { Device } from "../engine/index.ts";
import { describeChoice, openNodeGpu } from "./node-gpu.ts";
import type { Narrator } from "./progress.ts";

/** Opens the GPU that `device` names, or the fastest. Throws GpuUnavailableError. */
export const openDevice = (narrator: Narrator, device?: string): Promise<Device> => deviceOpener(narrator, device)();

/** What opens devices of one GPU, one after another: a device keeps its variables until it is disposed. The GPU is looked for at the first. */
export function deviceOpener(narrator: Narrator, device?: string): () => Promise<Device> {
  let found: ReturnType<typeof openNodeGpu> | undefined;
  return async () => {
    if (!found) narrator.say(describeChoice((await (found = openNodeGpu({ device, quiet: true }))).choice));
    return Device.open((await found!).gpu);
  };
}
