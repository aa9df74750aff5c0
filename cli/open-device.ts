// The engine's device in Node, and one line on stderr about what it runs on.
import { Device } from "../engine/index.ts";
import { describeChoice, openNodeGpu } from "./node-gpu.ts";
import type { Narrator } from "./progress.ts";

/** Opens the GPU that `device` names, or the fastest. Throws GpuUnavailableError. */
export async function openDevice(narrator: Narrator, device?: string): Promise<Device> {
  const { gpu, choice } = await openNodeGpu({ device, quiet: true });
  narrator.say(describeChoice(choice));
  return Device.open(gpu);
}
