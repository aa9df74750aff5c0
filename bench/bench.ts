// `cmedl bench`: an op at a shape, or the standing cases; what is printed, written and compared.
import { cpus, loadavg } from "node:os";
import { Device, type GpuOptions, UsageError } from "../engine/index.ts";
import { profilingFeatures } from "../node/gpu/dawn-features.ts";
import { type NodeGpu, describeChoice, openNodeGpu } from "../node/gpu/open.ts";
import { againstRows } from "./against/against.ts";
import type { Subject } from "./against/subject.ts";
import { OtherBuild } from "./against/worktree.ts";
import { askedOps, isAsked } from "./cases/asked.ts";
import { compareReports, isRegression } from "./measure/compare.ts";
import { watchDriver } from "./measure/driver-time.ts";
import { keptPeaks } from "./measure/peaks-file.ts";
import { type Peaks, measurePeaks } from "./measure/peaks.ts";
import { benchOp, requestOf } from "./op-rows.ts";
import type { Options } from "./options.ts";
import { aboveRoofline, measuredBy } from "./say/cells.ts";
import { reportMarkdown } from "./say/markdown.ts";
import { readReport, writeReport } from "./say/report-file.ts";
import type { Report, Row } from "./say/report.ts";
import { comparisonLines, contestLines } from "./say/table.ts";
import { plannedLines, runStanding, standingCases } from "./standing.ts";

/** Where lines go: results, and what is being done. */
export interface Voice {
  say(line: string): void;
  narrate(line: string): void;
}

/** Of a clone alone: rows of other engines in the place of ours, and what is done with a report. */
export interface Extras {
  otherRows?(machine: Machine): Promise<OtherRows>;
  after?(report: Report): Promise<void>;
}

/** Rows that a clone measures, and what its report says of them. */
export type OtherRows = Pick<Report, "rows"> & Partial<Pick<Report, "beside" | "command">>;

export interface Machine extends NodeGpu {
  /** A clock of the driver's threads, on a software adapter. */
  readonly driverMs?: () => number;
}

/** The exit code: 1 where something is wrong or slower. Throws UsageError and what files and the GPU refuse. */
export async function bench(
  words: readonly string[],
  options: Options,
  voice: Voice,
  extras: Extras = {},
): Promise<number> {
  const op = checkWords(words, options);
  const driverMs = watchDriver();
  const found = await openNodeGpu({ device: options.device, quiet: true, dawnFeatures: profilingFeatures });
  const machine: Machine = { ...found, driverMs: found.choice.software ? driverMs : undefined };
  const { choice } = machine;
  const standing = op ? undefined : standingCases(words, choice.software, options);
  const deviceOptions: GpuOptions = options.winograd ? { traits: { winograd: options.winograd === "always" } } : {};
  if (standing && options.plan) {
    for (const line of await plannedLines(found.gpu, standing.cases, deviceOptions, options.budget)) voice.say(line);
    return 0;
  }
  if (standing && options.list) {
    for (const c of standing.cases) voice.say(`${c.group.padEnd(8)} ${c.name}`);
    return 0;
  }
  const old = options.baseline ? await readReport(options.baseline) : undefined;
  voice.narrate(describeChoice(choice));
  const about = {
    engine: "cmedl",
    adapter: choice.name,
    software: choice.software,
    date: new Date().toISOString(),
    command: commandOf("cmedl bench", words, options),
    host: `${cpus()[0]!.model} × ${cpus().length}, Node ${process.version}`,
  };
  const others = await extras.otherRows?.(machine);
  const peaks = others ? undefined : await peaksOf(machine, options.peaks ?? false, voice);
  const rows = others?.rows ?? (await measured(peaks!));
  if (options.watch) return 0;
  const load = loadavg()[0]! / cpus().length;
  const report: Report = { ...about, ...(load > 0 ? { load: Number(load.toFixed(2)) } : {}), peaks, ...others, rows };
  return (await conclude(report, old, options, voice, extras)) ? 1 : 0;

  async function measured(peaks: Peaks): Promise<Row[]> {
    const request = op ? await requestOf(op, options) : undefined;
    if (options.against) {
      const { software } = choice;
      const kernels = standing?.cases.filter((c) => c.group === "kernel") ?? [];
      const subjects = request
        ? [{ op: request }]
        : kernels.map(({ name }) => ({ name, quick: options.quick ?? false, software }));
      return againstBuild(options.against, subjects, machine, { peaks, seconds: options.seconds }, voice);
    }
    return request ? benchOp(request, options, { ...machine, peaks }, voice) : runCases(peaks);
  }

  function runCases(peaks: Peaks): Promise<Row[]> {
    if (standing!.note) voice.narrate(standing!.note);
    // What is there is written and compared as ever.
    const isStopped = stopOnSignals();
    return runStanding(standing!.cases, {
      gpu: found.gpu,
      options: deviceOptions,
      quick: options.quick ?? false,
      peaks,
      gpuClock: !choice.software && found.adapter.features.has("timestamp-query"),
      driverMs: machine.driverMs,
      say: voice.say,
      isStopped,
    });
  }
}

/** The op that is asked for, if one is. Throws UsageError where flags are of the other kind. */
function checkWords(words: readonly string[], options: Options): string | undefined {
  const [first = ""] = words;
  const ofOps = (["kernel", "variant", "set", "traits", "filter", "watch"] as const).find((k) => options[k]);
  if (!options.shape) {
    if (ofOps)
      throw new UsageError(
        `--${ofOps} needs an op and its --shape, such as: bench ${isAsked(first) ? first : "conv2d"} --shape 2x64x64x32`,
      );
    return undefined;
  }
  if (!isAsked(first) || words.length > 1)
    throw new UsageError(
      `--shape needs one op before it, not "${words.join(" ")}"; ops are ${askedOps()
        .map(({ name }) => name)
        .join(", ")}`,
    );
  if (options.against && (options.variant || options.traits))
    throw new UsageError("--against measures the kernels as they are here and there, without --variant and --traits");
  if (options.watch && !options.variant) throw new UsageError("--watch needs --variant FILE, the file that is watched");
  return first;
}

async function peaksOf(machine: Machine, again: boolean, { narrate }: Voice): Promise<Peaks> {
  using device = await Device.open(machine.gpu);
  const { driverMs } = machine;
  const what = { adapter: device.gpu.adapterName, clock: driverMs ? "cpu" : "wall", again };
  const { peaks } = await keptPeaks(what, () => {
    narrate("measuring this device's peaks …");
    return measurePeaks(device, driverMs);
  });
  return peaks;
}

/** Ctrl-C no longer ends the process at once: what this gives tells that it was pressed. */
export function stopOnSignals(): () => boolean {
  let isStopped = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      isStopped = true;
    });
  return () => isStopped;
}

/** Other build first, this one second, for each subject; printed as they come. */
async function againstBuild(
  commit: string,
  subjects: readonly Subject[],
  { gpu, driverMs }: Machine,
  { peaks, seconds }: { peaks: Peaks; seconds: number },
  { say, narrate }: Voice,
): Promise<Row[]> {
  narrate(`building ${commit} …`);
  // The worktree is removed then, too.
  const isStopped = stopOnSignals();
  const other = await OtherBuild.start(commit);
  const rows: Row[] = [];
  try {
    for (const subject of subjects) {
      if (isStopped()) break;
      const found = await againstRows(gpu, other, subject, { driverMs, peaks, seconds, isStopped });
      for (const line of contestLines(found).slice(rows.length === 0 ? 0 : 1)) say(line);
      rows.push(...found);
    }
  } finally {
    await other.end();
  }
  return rows;
}

/** Prints what was measured by what, writes and compares; whether something is wrong or slower. */
async function conclude(
  report: Report,
  old: Report | undefined,
  options: Options,
  { say }: Voice,
  extras: Extras,
): Promise<boolean> {
  const { rows } = report;
  if (report.beside === undefined) say(measuredBy(report));
  const above = aboveRoofline(rows);
  if (above) say(above);
  if (options.json) await writeReport(options.json, report);
  if (options.markdown) say(`\n${reportMarkdown(report)}`);
  await extras.after?.(report);
  let isWorse = rows.some((row) => row.wrong !== undefined && row.group !== "peer");
  if (options.against) isWorse ||= rows.some(({ against }) => against?.verdict === "slower");
  if (old) {
    const all = compareReports(old, report);
    say("");
    for (const line of comparisonLines(all)) say(line);
    isWorse ||= all.some(isRegression);
  }
  return isWorse;
}

/** What says what is measured, and not where results go, or on which machine. */
const MEASURED = [
  ...["shape", "filter", "stride", "pad", "dilation", "groups", "reflect", "axes", "size", "kernel", "traits"],
  ...["against", "quick", "winograd"],
] as (keyof Options)[];

/** The command that measures the same: paths of one machine are left out. */
export function commandOf(command: string, words: readonly string[], options: Options): string {
  const flags = MEASURED.flatMap((name) => {
    const value = options[name];
    if (value === undefined || value === false) return [];
    if (value === true) return [`--${name}`];
    return [`--${name} ${Array.isArray(value) ? value.join("x") : String(value)}`];
  });
  const set = Object.entries(options.set ?? {}).map(([name, n]) => `--set ${name}=${n}`);
  return [command, ...words, ...flags, ...set].join(" ");
}
