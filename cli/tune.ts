// cmedl tune: races kernels and tile sizes on this GPU at the problems of a step, and keeps the fastest for all later
// commands.
import { readFile, stat } from "node:fs/promises";
import { type Command, Option } from "commander";
import { isAsked } from "../bench/cases/asked.ts";
import { watchDriver } from "../bench/measure/driver-time.ts";
import { type ShapeOptions, addShapeOptions, sizesOf } from "../bench/options.ts";
import { Device, type Tuned } from "../engine/index.ts";
import {
  type Candidate,
  Recorder,
  type Recording,
  STRATEGIES,
  type Strategy,
  type TunedProblem,
  simulate,
} from "../lab/index.ts";
import type { Subject } from "../lab/subject.ts";
import { tuneSubject } from "../lab/tune/tune.ts";
import { ZOO } from "../models/zoo.ts";
import { CommandError } from "../node/errors.ts";
import { writeAtomic } from "../node/files.ts";
import { profilingFeatures } from "../node/gpu/dawn-features.ts";
import { describeChoice, openNodeGpu } from "../node/gpu/open.ts";
import { keepTuning, readTuning, tuningFile } from "../node/gpu/tuning-file.ts";
import { Narrator } from "../node/narrator.ts";
import { type ConfigFlags, addConfigFlags, addPresetFlag, configFrom } from "./config-flags.ts";
import { addDeviceFlag } from "./open-device.ts";
import { opSubject, regimeSubject, subjectOf } from "./subject.ts";
import { wholeNumber } from "./whole-number.ts";

interface TuneFlags extends ConfigFlags, ShapeOptions {
  search?: string;
  trials?: string;
  record?: string;
  simulate?: string;
  again?: boolean;
  device?: string;
  quiet?: boolean;
  json?: boolean;
}

export function register(command: Command): void {
  command.argument(
    "[subject]",
    "a network of `cmedl models`, a run, the YAML of one, part of the name of a kernel or an op; with --shape an op of `cmedl bench`",
  );
  command
    .addOption(new Option("--search <how>", "how candidates are gone through").choices(STRATEGIES).default("greedy"))
    .option("--trials <n>", "candidates of a problem that random draws (8)")
    .option("--record <file>", "also write all times as JSON, for --simulate")
    .option("--simulate <file>", "play each way of searching over recorded times: no GPU, nothing is kept")
    .option("--again", "time again what was timed before");
  addShapeOptions(command);
  addPresetFlag(command);
  addConfigFlags(command, { without: ["--init"] });
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .option("--json", "print problems, candidates and times as JSON, at the end")
    .addHelpText(
      "after",
      `
At each problem of the training step and of prediction (an op at a class of shapes, rounded up to powers of two) the
kernels that can do it race on this GPU, Winograd's way among them, at the values of their tile sizes. The fastest is
kept if it is surely faster than what ships (as \`cmedl bench\` says "faster"), by adapter and driver, as soon as it is
found (a run that was interrupted goes on where it was), in
${tuningFile()}
and every later command uses it. The clock is the GPU's timestamps, or the processor time of a software adapter's threads.

  --search greedy   each kernel as it ships, then the tile sizes of the fastest one after the other
  --search grid     every kernel at every combination of its tile sizes
  --search random   so many of these as --trials says, drawn by --seed

A run that is resumed after tuning sums in another order: it goes on, but not bit for bit.

Examples:
  cmedl tune                                       the paper's CMEDL step, 256 × 256, batch 2
  cmedl tune unet --size 128
  cmedl tune conv2d-weight-grad --preset ct-only   only problems that such a kernel can do
  cmedl tune conv2d --shape 2x64x64x32 --filter 3x3x32x32    an op alone, in seconds
  cmedl tune my.yaml --again --search grid --record times.json
  cmedl tune --simulate times.json                 would greedy, or 8 at random, have found as much?`,
    )
    .action(tuneKernels);
}

/** What is tuned: training steps and predictions, and which problems of them. */
interface Asked {
  readonly subjects: readonly Subject[];
  readonly only?: string;
}

async function tuneKernels(subject: string | undefined, flags: TuneFlags): Promise<void> {
  const trials = wholeNumber("--trials", flags.trials ?? "8");
  const seed = wholeNumber("--seed", String(flags.seed ?? 0), 0);
  if (flags.simulate !== undefined) return play(flags.simulate, { trials, seed }, flags.json ?? false);
  const { subjects, only } = await askedFor(subject, flags);
  const narrator = new Narrator({ quiet: flags.quiet });
  const kept = await readTuning();
  const driverMs = watchDriver();
  const { gpu, choice } = await openNodeGpu({ device: flags.device, dawnFeatures: profilingFeatures, quiet: true });
  narrator.say(describeChoice(choice));
  // What ships runs here, whatever was kept.
  using device = await Device.open(gpu);
  const recorder = new Recorder(device.gpu.adapterName);
  const found: TunedProblem[] = [];
  let known: Tuned = flags.again ? {} : kept.tuned;
  let keptCount = Object.keys(kept.tuned).length;
  const onFound = async (problem: TunedProblem): Promise<void> => {
    keptCount = await keepTuning(problem.tuned);
    found.push(problem);
    if (!flags.json) process.stdout.write(`${line(problem)}\n`);
  };
  let knownCount = 0;
  const onKnown = (): void => {
    knownCount++;
  };
  for (const subject of subjects) {
    narrator.say(`planning ${subject.name} …`);
    const strategy = flags.search as Strategy;
    known = await tuneSubject(device, subject, {
      ...{ known, strategy, trials, seed, onFound, onKnown, onTime: recorder.hear },
      ...(only === undefined ? {} : { only }),
      ...(choice.software && driverMs ? { driverMs } : {}),
    });
  }
  if (only !== undefined && found.length + knownCount === 0)
    throw new CommandError(
      "usage",
      `${only}: no file, run or network, and no op or kernel with a choice in ${subjects[0]!.name} has it in its name` +
        (isAsked(only) ? `; --shape SIZES tunes the op ${only} alone` : ""),
    );
  if (flags.record !== undefined) await writeAtomic(flags.record, `${JSON.stringify(recorder.recording, null, 1)}\n`);
  if (flags.json) {
    const problems = found.map(({ candidates, ...problem }) => ({ ...problem, candidates: candidates.length }));
    process.stdout.write(`${JSON.stringify({ file: tuningFile(), kept: keptCount, problems }, null, 2)}\n`);
    return;
  }
  const gained = found.filter((p) => p.best !== p.candidates[0]);
  process.stdout.write(
    `${found.length} problems timed, ${gained.length} of them faster than as they ship; ` +
      `${keptCount} choices kept in ${tuningFile()}\n`,
  );
}

/** Throws CommandError, and what reading a configuration throws. */
async function askedFor(subject: string | undefined, flags: TuneFlags): Promise<Asked> {
  if (flags.shape) return { subjects: [opSubject(subject ?? "", sizesOf(flags))] };
  const isNetwork = subject !== undefined && subject in ZOO;
  const there = subject === undefined ? undefined : await stat(subject).catch(() => undefined);
  if (subject !== undefined && (isNetwork || there?.isDirectory())) {
    const options = { size: flags.size === undefined ? undefined : wholeNumber("--size", String(flags.size)) };
    const passes = ["training", "inference"] as const;
    return { subjects: await Promise.all(passes.map((pass) => subjectOf(subject, { pass, ...options }))) };
  }
  const isFile = there?.isFile() || /\.ya?ml$/.test(subject ?? "");
  const config = await configFrom(isFile ? subject : undefined, flags);
  return {
    subjects: [regimeSubject(config, { pass: "training" }), regimeSubject(config, { pass: "inference" })],
    ...(subject === undefined || isFile ? {} : { only: subject }),
  };
}

/** " 1.24×     812 µs, 1007 as it ships  conv2d-direct-quad KV 4  6 of 9 timed  conv2d [2, …] [3, …] → [2, …]". */
function line({ label, best, candidates, timed, timeUs, beforeUs }: TunedProblem): string {
  const gain = `${(beforeUs / timeUs).toFixed(2)}×`;
  const times = `${gain.padStart(6)}  ${`${timeUs.toFixed(0)} µs`.padStart(10)}, ${beforeUs.toFixed(0)} as it ships`;
  return `${times.padEnd(38)} ${named(best).padEnd(38)} ${timed} of ${candidates.length} timed  ${label}`;
}

const named = ({ kernel, consts }: Candidate): string =>
  [kernel, ...Object.entries(consts).map(([name, value]) => `${name} ${value}`)].join(" ");

/** Plays the searches over a recording, and tells what each would have found. Throws CommandError. */
async function play(file: string, how: { trials: number; seed: number }, asJson: boolean): Promise<void> {
  const played = await simulate(await readRecording(file), how);
  if (asJson) {
    process.stdout.write(`${JSON.stringify(played, null, 2)}\n`);
    return;
  }
  for (const { strategy, problems, timed, candidates, ratio, worst } of played)
    process.stdout.write(
      `${strategy.padEnd(7)} timed ${timed} of ${candidates} candidates at ${problems} problems; ` +
        `${ratio.toFixed(3)}× the time of the fastest on average, ${worst.toFixed(2)}× at worst\n`,
    );
}

async function readRecording(file: string): Promise<Recording> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new CommandError("file", `${file}: can't be read (${error.code}); give what --record wrote`);
  });
  const isTime = (t: unknown): boolean =>
    typeof t === "object" &&
    t !== null &&
    typeof (t as { kernel?: unknown }).kernel === "string" &&
    typeof (t as { consts?: unknown }).consts === "object" &&
    Array.isArray((t as { us?: unknown }).us) &&
    (t as { us: unknown[] }).us.every((n) => typeof n === "number" && n >= 0);
  try {
    const recording = JSON.parse(text) as Recording;
    const problems = Object.values(recording.problems);
    if (problems.length > 0 && problems.every((space) => Array.isArray(space) && space.every(isTime))) return recording;
  } catch {
    // said below
  }
  throw new CommandError("data", `${file}: holds no times of kernels; give what --record wrote`);
}
