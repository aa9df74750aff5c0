// cmedl profile: one step by layer and by kernel, on this GPU.
import { cpus, release, type } from "node:os";
import { writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { type ShapeOptions, addShapeOptions, sizesOf } from "../bench/options.ts";
import { profileOf } from "../lab/profile.ts";
import { type Timeline, byKernel, partsOf, reconciled } from "../lab/timeline.ts";
import { traceOf } from "../lab/trace-events.ts";
import { layerTree, treeText } from "../lab/tree.ts";
import { CommandError } from "../node/errors.ts";
import { profilingFeatures } from "../node/gpu/dawn-features.ts";
import { Narrator } from "../node/narrator.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { type SubjectOptions, subjectOf } from "./subject.ts";
import { wholeNumber } from "./whole-number.ts";

export interface SubjectFlags extends ShapeOptions {
  inference?: boolean;
  size?: string;
  batch?: string;
  width?: string;
}

interface ProfileFlags extends SubjectFlags {
  trace?: string;
  depth?: string;
  device?: string;
  json?: boolean;
  quiet?: boolean;
}

/** Of the argument that these flags go with. */
export const SUBJECT = "a run's folder, a network of `cmedl models`, or with --shape an op of `cmedl bench`";

/** Adds what chooses a subject; the command again. */
export const addSubjectFlags = (command: Command): Command =>
  addShapeOptions(command)
    .option("--inference", "inference, not a training step")
    .option(
      "--size <pixels>",
      "width and height of the images (default: the run's own, else 256), or of what a resize gives",
    )
    .option("--batch <images>", "images at once (default: the run's own, else 2)")
    .option("--width <channels>", "channels of a segmentor at full resolution (default: its own)");

/** What these flags ask for. Throws CommandError. */
export function subjectOptions({ inference, size, batch, width, ...flags }: SubjectFlags): SubjectOptions {
  const number = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : wholeNumber(flag, text);
  const side = number("--size", size);
  return {
    pass: inference ? "inference" : "training",
    size: side,
    batch: number("--batch", batch),
    width: number("--width", width),
    ...(flags.shape && { sizes: sizesOf(flags, side === undefined ? undefined : [side, side]) }),
  };
}

export function register(command: Command): void {
  command.argument("<run|model|op>", SUBJECT);
  addSubjectFlags(command)
    .option("--trace <file>", "write Chrome trace events, which ui.perfetto.dev opens")
    .addOption(new Option("--depth <levels>", "levels of layers that the tree shows").default("3"));
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .option("--json", "print the timeline, tree and memory as JSON")
    .addHelpText(
      "after",
      `
Times every stage of one step by GPU timestamps, whole steps by the wall clock, and tells both by layer and by kernel,
with what lives in memory and who holds most of it. Each op has dispatches of its own here; a run may do several equal
ones in one. Times are medians of up to 30 steps; timestamps are exact here, not rounded. Nothing is trained and nothing
written: weights are as before.

Examples:
  cmedl profile unet --size 128 --batch 2
  cmedl profile mrrn --inference --depth 5
  cmedl profile RUN --trace step.json
  cmedl profile conv2d --shape 2x64x64x32 --filter 3x3x32x32`,
    )
    .action(profile);
}

/** Machine and Node in words. */
const hostHere = (): string =>
  `${cpus()[0]?.model ?? "CPU"} × ${cpus().length}, ${type()} ${release()}, Node ${process.version}`;

async function profile(runOrModel: string, flags: ProfileFlags): Promise<void> {
  const { trace, json, quiet } = flags;
  const depth = wholeNumber("--depth", flags.depth ?? "3");
  const subject = await subjectOf(runOrModel, subjectOptions(flags));
  const narrator = new Narrator({ quiet: quiet || json });
  using device = await openDevice(narrator, flags.device, { dawnFeatures: profilingFeatures });
  if (!device.gpu.timestamps) narrator.say("this adapter has no timestamp-query: stages have no times of their own");
  narrator.say(`profiling ${subject.name} …`);
  const timeline = await profileOf(device, subject, { host: hostHere() });
  if (trace !== undefined) {
    await writeFile(trace, JSON.stringify(traceOf(timeline)), { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") throw new CommandError("file", `${trace} exists; name another file for --trace`);
      throw error;
    });
    narrator.say(`${trace}: open it in ui.perfetto.dev`);
  }
  process.stdout.write(json ? `${JSON.stringify(dataOf(timeline), null, 2)}\n` : textOf(timeline, depth));
}

const dataOf = (timeline: Timeline) => ({
  ...timeline,
  parts: partsOf(timeline),
  tree: layerTree(timeline),
  kernels: byKernel(timeline),
});

const HOLDERS = 8;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function textOf(timeline: Timeline, depth: number): string {
  const { name, adapter, stages, memory } = timeline;
  const kernels = byKernel(timeline).map(({ kernel, timeUs, share, launches, flops, bytes }) =>
    [
      kernel.padEnd(36),
      timeUs === undefined ? "–" : timeUs.toFixed(0).padStart(9),
      share === undefined ? "–" : `${(100 * share).toFixed(1)} %`.padStart(7),
      String(launches).padStart(5),
      timeUs
        ? `${(flops / timeUs / 1e3).toFixed(1).padStart(8)} GFLOP/s ${(bytes / timeUs / 1e3).toFixed(1).padStart(7)} GB/s`
        : "",
    ].join(" "),
  );
  const peak = stages[memory.peakAt];
  const held = memory.holders
    .slice(0, HOLDERS)
    .map(
      ({ what, bytes, madeBy = "–", lastReadBy = "–" }) =>
        `${megabytes(bytes).padStart(10)}  ${what}, made by ${madeBy}, last read by ${lastReadBy}`,
    );
  const others = memory.holders.slice(HOLDERS);
  return `${[
    `${name} on ${adapter}: ${stages.length} stages. ${reconciled(timeline).join(" ")}`,
    treeText(layerTree(timeline), depth),
    `${"by kernel".padEnd(36)} ${"µs".padStart(9)}   share  runs`,
    kernels.join("\n"),
    `memory: at most ${megabytes(memory.peakBytes)} of activations live at once, in buffers of ${megabytes(memory.slotBytes)}; ` +
      `variables ${megabytes(memory.variableBytes)}, inputs ${megabytes(memory.inputBytes)}.`,
    `the peak is at stage ${memory.peakAt}${peak ? `, ${peak.kernel} ${peak.label}${peak.site ? ` · ${peak.site}` : ""}` : ""}; it is held by`,
    ...held,
    ...(others.length > 0
      ? [`${megabytes(others.reduce((n, h) => n + h.bytes, 0)).padStart(10)}  ${others.length} others`]
      : []),
  ].join("\n")}\n`;
}
