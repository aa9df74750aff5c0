// The engine's device in Node, with the tile sizes that were found for it, and one line on stderr about what it runs
// on.
import { Device } from "../engine/index.ts";
import { describeChoice, openNodeGpu } from "../node/gpu/open.ts";
import type { Narrator } from "../node/narrator.ts";
import { readTuning } from "../node/gpu/tuning-file.ts";

/**
 * Opens the GPU that `device` names, or the fastest; `dawnFeatures` as openNodeGpu takes them. Throws
 * GpuUnavailableError.
 */
export const openDevice = (narrator: Narrator, device?: string, dawnFeatures?: readonly string[]): Promise<Device> =>
  deviceOpener(narrator, device, dawnFeatures)();

/**
 * What opens devices of one GPU, one after another: a device keeps its variables until it is disposed. The GPU is
 * looked for at the first.
 */
export function deviceOpener(
  narrator: Narrator,
  device?: string,
  dawnFeatures?: readonly string[],
): () => Promise<Device> {
  let found: ReturnType<typeof openNodeGpu> | undefined;
  return async () => {
    const { tuned, problem } = await readTuning();
    if (!found) {
      narrator.say(describeChoice((await (found = openNodeGpu({ device, dawnFeatures, quiet: true }))).choice));
      if (problem) narrator.say(problem);
    }
    return Device.open((await found!).gpu, { tuned });
  };
}
