// cmedl debug: what kernels print, where they leave their arrays, and where numbers stop being finite.
import type { Command } from "commander";
import type { Program } from "../engine/run/program.ts";
import type { Feeds } from "../engine/run/program.ts";
import { type LogRecord, outOfRange, printed } from "../lab/debug/log.ts";
import { firstNotFiniteStage, notFiniteText } from "../lab/debug/not-finite.ts";
import { withLayers } from "../lab/layers.ts";
import type { Origin } from "../lab/wgsl/origin.ts";
import { CommandError } from "../node/errors.ts";
import { cloneAround, kernelFiles } from "../node/kernels/files.ts";
import { Narrator } from "../node/narrator.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { SUBJECT, type SubjectFlags, addSubjectFlags, subjectOptions } from "./profile.ts";
import { subjectOf } from "./subject.ts";
import { wholeNumber } from "./whole-number.ts";

interface DebugFlags extends SubjectFlags {
  bounds?: boolean;
  nan?: boolean;
  most?: string;
  device?: string;
  json?: boolean;
  quiet?: boolean;
}

/** A line of results, and the same as data. */
interface Result {
  readonly lines: readonly string[];
  readonly data: unknown;
  /** Whether it is a fault. */
  readonly isFault: boolean;
}

export function register(command: Command): void {
  command.argument("<run|model|op>", SUBJECT);
  addSubjectFlags(command)
    .option("--bounds", "find indices out of range")
    .option("--nan", "find the first stage that leaves a number that is not finite")
    .option("--most <records>", "records that are kept of each dispatch (default: 256)");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but results")
    .option("--json", "print the results as JSON")
    .addHelpText(
      "after",
      `
Runs one step, and prints what its kernels say by lines \`dbg(ID, VALUE);\` in their WGSL: id, kernel and line, layer,
workgroup and invocation, value. VALUE is a number, a bool or a vector of them. In every other command such lines are
dropped. With --bounds indices beyond what an array holds are printed instead, by kernel, file and line, and with --nan the
first element that is infinite or NaN, by kernel, layer and index; either leaves with 1 where it finds one. In a clone
the files in kernels/ are read as they are now. Weights are as before.

Examples:
  cmedl debug unet --size 32 --width 8               lines of dbg
  cmedl debug RUN --nan
  cmedl debug unet --inference --size 32 --bounds
  cmedl debug max-pool --shape 1x9x9x4 --filter 2x2 --bounds`,
    )
    .action(debug);
}

async function debug(runOrModel: string, flags: DebugFlags): Promise<void> {
  const { bounds, nan, json, quiet } = flags;
  if (bounds && nan) throw new CommandError("usage", "give --bounds or --nan, not both");
  const most = flags.most === undefined ? undefined : wholeNumber("--most", flags.most);
  const files = await kernelFiles(await cloneAround(process.cwd()));
  const subject = await subjectOf(runOrModel, subjectOptions(flags));
  const narrator = new Narrator({ quiet: quiet || json });
  using device = await openDevice(narrator, flags.device);
  const { name, mode, inputs } = subject;
  using program = await device.compile(withLayers(subject.make()), inputs, { mode, name, horizontal: false });
  const place = (kernel: string, origin: Origin): string => {
    const file = files.find(({ kernels }) => kernels.some((k) => k.name === kernel))?.file ?? `${kernel}.wgsl`;
    if (origin.kind === "file") return `${file}:${origin.line}`;
    return origin.kind === "hook" ? `${file}:${origin.line} (fused into ${origin.hook})` : `${file} (its hooks)`;
  };
  const look = nan ? notFinite : bounds ? ranges : prints;
  const { lines, data, isFault } = await look(program, subject.feeds(), place, most);
  process.stdout.write(json ? `${JSON.stringify(data, null, 2)}\n` : lines.map((line) => `${line}\n`).join(""));
  if (isFault) throw new CommandError("findings", `${name} has a fault, as printed`);
}

type Place = (kernel: string, origin: Origin) => string;

const told = (place: Place, { kernel, origin, site, stage, workgroup, invocation }: LogRecord): string =>
  `${place(kernel, origin)} stage ${stage}${site ? ` · ${site}` : ""} workgroup ${workgroup.join()} invocation ${invocation.join()}`;

async function prints(program: Program, feeds: Feeds, place: Place, most: number | undefined): Promise<Result> {
  const log = await printed(program, feeds, most === undefined ? {} : { most });
  const lines = log.records.map(
    (r) => `dbg ${r.id}: ${r.value.length > 1 ? `(${r.value.join(", ")})` : r.value[0]}  ${told(place, r)}`,
  );
  if (lines.length === 0)
    lines.push("no kernel of this program calls dbg(ID, VALUE): a number and a value, on a line of its own");
  return { lines: [...lines, ...rest(log)], data: log, isFault: false };
}

async function ranges(program: Program, feeds: Feeds, place: Place, most: number | undefined): Promise<Result> {
  const log = await outOfRange(program, feeds, most === undefined ? {} : { most });
  const lines = log.records.map((r) => `${r.array}[${r.index}] of ${r.length}  ${told(place, r)}`);
  const isFault = lines.length > 0;
  if (!isFault)
    lines.push(
      log.skipped.length === 0
        ? "every index is within its array"
        : `every index is within its array, in the dispatches that were looked into: ${log.skipped.length} were not`,
    );
  return { lines: [...lines, ...rest(log)], data: log, isFault };
}

const rest = ({ dropped, skipped }: { dropped: number; skipped: readonly string[] }): string[] => [
  ...(dropped > 0 ? [`${dropped} more were not kept: --most keeps more of each dispatch`] : []),
  ...skipped.map((why) => `not looked into: ${why}`),
];

async function notFinite(program: Program, feeds: Feeds): Promise<Result> {
  const found = await firstNotFiniteStage(program, feeds);
  return { lines: [found ? notFiniteText(found) : "all is finite"], data: found ?? null, isFault: found !== undefined };
}
