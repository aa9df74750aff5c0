// cmedl capture: one dispatch as a folder that runs without this project, or the texts of a program's kernels.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { OpenedProgram } from "../engine/run/program.ts";
import { captureStage, featuresOf, stageLine, stagesNamed } from "../lab/capture.ts";
import { withLayers } from "../lab/layers.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite } from "../node/files.ts";
import { writeCapture } from "../node/lab/capture-folder.ts";
import { assembliesOf } from "../node/lab/dump.ts";
import { Narrator } from "../node/narrator.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { SUBJECT, type SubjectFlags, addSubjectFlags, subjectOptions } from "./profile.ts";
import { subjectOf } from "./subject.ts";

interface CaptureFlags extends SubjectFlags {
  out?: string;
  dump?: "wgsl" | "spirv";
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<stage>", 'the number of a stage, or words of its line: "conv2d unet.up.3"; "all" lists them')
    .argument("[run|model|op]", SUBJECT, "unet");
  addSubjectFlags(command)
    .option("-o, --out <folder>", "where it goes (default: capture-STAGE)")
    .addOption(
      new Option("--dump <what>", "write the texts of the stages' kernels, not a capture").choices(["wgsl", "spirv"]),
    );
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Runs a step up to the stage and writes that one dispatch: its WGSL with all that was fused into it, what it reads,
what it writes, a page and a Node script that run and compare it without this project, and a README. Of several
stages that the words mean the first is taken. Weights are as before.

Examples:
  cmedl capture all unet --size 64                     list the stages
  cmedl capture "conv2d unet.up.3.conv1" unet --size 64 -o conv
  cmedl capture 12 RUN --dump spirv                    what the compiler made of stage 12`,
    )
    .action(capture);
}

async function capture(wanted: string, runOrModel: string, flags: CaptureFlags): Promise<void> {
  const { dump, quiet } = flags;
  const subject = await subjectOf(runOrModel, subjectOptions(flags));
  const narrator = new Narrator({ quiet });
  using device = await openDevice(narrator, flags.device);
  const { name, mode, inputs } = subject;
  using program = await device.compile(withLayers(subject.make()), inputs, { mode, name, horizontal: false });
  const opened = program.opened();
  const isAll = wanted === "all";
  const stages = stagesNamed(opened, isAll ? "" : wanted);
  const [first] = stages;
  if (first === undefined)
    throw new CommandError("usage", `${name} has no stage "${wanted}"; \`cmedl capture all ${runOrModel}\` lists them`);
  if (dump) return await dumpTo(flags.out ?? `dump-${dump}`, opened, stages, dump, narrator);
  if (isAll) {
    process.stdout.write(`${stages.map((stage) => stageLine(opened, stage)).join("\n")}\n`);
    return;
  }
  if (stages.length > 1) narrator.say(`"${wanted}" means ${stages.length} stages; the first of them is taken`);
  const folder = flags.out ?? `capture-${first}`;
  await refuseOverwrite(folder);
  await writeCapture(folder, await captureStage(program, subject.feeds(), first));
  process.stdout.write(`${folder}: ${stageLine(opened, first)}\n`);
}

/** A file for each distinct module of the stages. */
async function dumpTo(
  folder: string,
  { replays }: OpenedProgram,
  stages: readonly number[],
  what: "wgsl" | "spirv",
  narrator: Narrator,
): Promise<void> {
  await refuseOverwrite(folder);
  const byCode = new Map<string, string>();
  for (const stage of stages) {
    const { code, kernel } = replays[stage]!.dispatch;
    if (!byCode.has(code)) byCode.set(code, `${String(stage).padStart(4, "0")}-${kernel.name}`);
  }
  const texts =
    what === "wgsl"
      ? [...byCode.keys()]
      : await assembliesOf([...byCode.keys()].map((code) => ({ code, features: featuresOf(code) })));
  const names = [...byCode.values()];
  const empty = names.filter((_, i) => texts[i] === "");
  if (empty.length > 0) narrator.say(`Dawn gave no assembly of ${empty.join(", ")}`);
  await mkdir(folder, { recursive: true });
  const ending = what === "wgsl" ? "wgsl" : "spvasm";
  for (const [i, name] of names.entries())
    if (texts[i]) await writeFile(join(folder, `${name}.${ending}`), `${texts[i]!.trim()}\n`);
  process.stdout.write(`${folder}: ${names.length - empty.length} modules of ${stages.length} stages\n`);
}
