// The engine's device in Node, with the tile sizes that were found for it, and one line on stderr about what it runs
// on.
import type { Command } from "commander";
import { Device, tunedBy } from "../engine/index.ts";
import { type GpuChoice, type NodeGpu, describeChoice, openNodeGpu } from "../node/gpu/open.ts";
import { readTuning } from "../node/gpu/tuning-file.ts";
import type { Narrator } from "../node/narrator.ts";

/** Adds --device, which names what openDevice opens; the command again. */
export const addDeviceFlag = (command: Command): Command =>
  command.option(
    "--device <name>",
    'part of an adapter\'s name, "software" or "swiftshader" (default: CMEDL_DEVICE, else the fastest)',
  );

interface OpenOptions {
  /** Both as openNodeGpu takes them. */
  readonly dawnFeatures?: readonly string[];
  readonly ownKernels?: boolean;
  /** Hears what the GPU is. */
  readonly onFound?: (choice: GpuChoice) => void;
}

/**
 * Opens the GPU that `device` names, or the fastest, for a command whose kernels may be in the making. Throws
 * GpuUnavailableError.
 */
export const openDevice = (narrator: Narrator, device?: string, options?: OpenOptions): Promise<Device> =>
  deviceOpener(narrator, device, options)();

/** As deviceOpener, of a command that runs networks and no kernels of others. */
export const networkOpener = (narrator: Narrator, device?: string, onFound?: OpenOptions["onFound"]) =>
  deviceOpener(narrator, device, { ownKernels: true, onFound });

/**
 * What opens devices of one GPU, one after another: a device keeps its variables until it is disposed. The GPU is
 * looked for at the first call.
 */
function deviceOpener(
  narrator: Narrator,
  device?: string,
  { dawnFeatures, ownKernels, onFound = () => {} }: OpenOptions = {},
): () => Promise<Device> {
  let found: NodeGpu | undefined;
  return async () => {
    const { tuned, problem } = await readTuning();
    if (!found) {
      found = await openNodeGpu({ device, dawnFeatures, ownKernels, quiet: true });
      narrator.say(describeChoice(found.choice));
      if (problem) narrator.say(problem);
      onFound(found.choice);
    }
    return Device.open(found.gpu, { tuned: tunedBy(tuned) });
  };
}
