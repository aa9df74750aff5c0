// cmedl experiment: trains the rows of one of the paper's tables side by side, tests them on the same cases, prints
// the table.
import { join } from "node:path";
import type { Command } from "commander";
import { NumericalError } from "../engine/index.ts";
import type { ConfigError } from "../train/config/check.ts";
import { type PartialConfig, SEGMENTORS, type SegmentorName, type TrainConfig } from "../train/config/config.ts";
import {
  EXPERIMENTS,
  type Experiment,
  type ExperimentName,
  type Job,
  type Length,
  jobsOf,
  lengthFor,
  secondsOf,
  trainedJobs,
} from "../train/experiments.ts";
import { type Layer, layeredConfig, presetOf } from "../train/config/presets.ts";
import { type FlagValues, addConfigFlags, flagLayers } from "./config-flags.ts";
import { ExperimentData, PHANTOM_SIZE } from "../node/experiment/data.ts";
import { ExperimentFolder } from "../node/experiment/folder.ts";
import { lengthText, writeTables } from "../node/experiment/report.ts";
import { Pace, type Planned, calibrate, runJob } from "../node/experiment/run.ts";
import type { Evaluation } from "../node/run/evaluate.ts";
import { CommandError } from "../node/errors.ts";
import { deviceOpener } from "./open-device.ts";
import { Narrator, clock } from "../node/narrator.ts";
import { examineVgg } from "../node/run/vgg.ts";

interface ExperimentFlags extends FlagValues {
  data?: string;
  student?: string;
  teacher?: string;
  out?: string;
  segmentors?: string;
  seeds: string;
  folds?: string;
  budget?: string;
  tolerance: string;
  device?: string;
  quiet?: boolean;
}

/** Part of a budget that is planned with. */
const USED = 0.92;

export function register(command: Command): void {
  command
    .argument("<experiment>", Object.keys(EXPERIMENTS).join(", "))
    .option("--data <folder>", 'folder with ct/ and mr/ (table7: t1/ and t2/), or "phantom": made on the spot')
    .option("--out <folder>", "where runs and tables go, and go on (runs/EXPERIMENT)")
    .option("--segmentors <names>", `of ${SEGMENTORS.join(",")} (those of the paper's table)`)
    .option("--seeds <n>", "runs of each row; a case counts with the mean of its runs", "1")
    .option("--folds <n>", "cross-validation by patients: each case is tested in one fold")
    .option("--budget <time>", "wall time for all, such as 90s, 20m or 2h: decides how long every row trains")
    .option("--tolerance <mm>", "of surface Dice", "3");
  addConfigFlags(command, { without: ["--segmentor", "--seed"] });
  command
    .option(
      "--device <name>",
      'part of an adapter\'s name, "software" or "swiftshader" (default: CMEDL_DEVICE, else the fastest)',
    )
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Experiments:
${Object.entries<Experiment>(EXPERIMENTS)
  .map(
    ([name, e]) =>
      `  ${name.padEnd(13)} ${e.title}:\n${" ".repeat(16)}${e.rows.map((r) => (r.part ? `${r.part} ${r.name}` : r.name)).join(", ")}`,
  )
  .join("\n")}

All rows train equally many steps, with the same seeds, splits and data, without early stopping (--set optimization.patience=N has it). With --budget
each row is run for a few steps first, and the largest number of steps that fits is taken for all: a row with slow steps gets more of the time. The
number then stays, however often the command is given again. The best epoch by validation is tested, case by case, on the cases that splits.json names
as "test", else on those that validate.
Ctrl-C saves; the same command goes on. Rows that are done are not trained again. Segmentors and seeds may be added later.

Examples:
  cmedl experiment table1 --data phantom --segmentors unet --budget 20m
  cmedl experiment table3 --student data/ct --teacher data/mr --out runs/t3 --size 128 --width 16 --budget 8h
  cmedl experiment table6 --data data --folds 3 --segmentors unet --epochs 20
  cmedl experiment hints --data phantom --size 32 --epochs 5 --seeds 3`,
    )
    .action(experiment);
}

async function experiment(name: string, flags: ExperimentFlags): Promise<void> {
  if (!Object.hasOwn(EXPERIMENTS, name))
    throw new CommandError("usage", `${name} is no experiment; choose one of ${Object.keys(EXPERIMENTS).join(", ")}`);
  const plan: Experiment = EXPERIMENTS[name as ExperimentName];
  const started = performance.now();
  const since = (): number => (performance.now() - started) / 1000;
  const { segmentors, seeds, folds, budget, toleranceMm } = readFlags(flags, plan);
  const narrator = new Narrator({ quiet: flags.quiet });
  const given = flagLayers(flags);
  const asked = mergedFields(given);
  const data =
    flags.data === "phantom"
      ? ExperimentData.ofPhantoms(
          plan.folders[0] === "mr" ? ["MR", "CT"] : ["CT", "MR"],
          asked.data?.size ?? PHANTOM_SIZE,
          narrator,
        )
      : await ExperimentData.ofFolders(flags, plan.folders, asked.data?.splits ?? undefined, narrator);
  const planned: Planned[] = [];
  for (const job of jobsOf(plan, { segmentors, seeds: Array.from({ length: seeds }, (_, i) => i), folds })) {
    const { test, ...cases } = await data.cases(job.row.swapped ?? false, job.fold, folds);
    planned.push({ ...job, test, config: await configOf(job, data, given, cases) });
  }
  const settings = { data: data.name, folds, ...asked };
  const folder = await ExperimentFolder.open(flags.out ?? join("runs", name), name, settings);
  narrator.say(`${name}: ${plan.title}`);
  narrator.say(
    `data: ${data.says}; ${planned[0].test.length} cases are tested on${folds === null ? "" : ` in the first of ${folds} folds`}`,
  );
  const runs = trainedJobs(planned);
  const around = {
    data,
    folder,
    narrator,
    open: deviceOpener(narrator, flags.device),
    command: `cmedl experiment ${name}`,
  };
  if (!folder.decided) {
    const { epochs, steps } = asked.optimization ?? {};
    const round = roundOf(planned[0].config, await data.sets(planned[0].config, planned[0].row.swapped ?? false));
    let length: Length = { epochs: epochs ?? planned[0].config.optimization.epochs, steps: steps ?? round };
    let seconds: Record<string, number> | undefined;
    if (budget !== null) {
      const costs = await calibrate(runs, around);
      if (epochs === undefined || !steps)
        length = lengthFor(USED * budget - since(), [...costs.values()], round, { epochs, steps: steps ?? undefined });
      seconds = Object.fromEntries(runs.map((j) => [j.id, secondsOf(costs.get(j.id)!, length)]));
      const expected = since() + Object.values(seconds).reduce((s, v) => s + v, 0);
      narrator.say(
        `${runs.length} runs of ${lengthText(length)}: about ${clock(expected)} of ${clock(budget)}${expected > budget ? "; the budget is too short for what was asked" : ""}`,
      );
    }
    await folder.decide({ version: 1, experiment: name, settings, length, ...(seconds ? { seconds } : {}) });
  } else {
    narrator.say(
      `going on in ${folder.path}: ${lengthText(folder.decided.length)} a run, as it was begun${budget === null ? "" : "; --budget changes nothing now"}`,
    );
  }
  const { length, seconds } = folder.decided!;
  const results = new Map<Planned, Evaluation>();
  const failed: NumericalError[] = [];
  const pace = new Pace(
    runs.map((j) => j.id),
    seconds ?? {},
  );
  const [
    {
      test,
      config: { cases },
    },
  ] = planned;
  const about = {
    toleranceMm,
    length,
    data: data.says,
    testIsValidation: test.some((id) => cases.studentVal.includes(id)),
  };
  for (const [i, job] of planned.entries()) {
    narrator.say(
      `${i + 1} of ${planned.length}: ${job.row.part ? `${job.row.part}, ` : ""}${job.row.name}, ${job.segmentor}, seed ${job.seed}${job.fold === null ? "" : `, fold ${job.fold + 1}`}; ${clock(pace.left)} left for all`,
    );
    const run = planned.find((j) => j.id === job.run)!;
    try {
      results.set(job, await runJob(job, run, length, { ...around, toleranceMm, structures: plan.structures, pace }));
    } catch (error) {
      // Numbers that are not finite end this row, not the others.
      if (!(error instanceof NumericalError)) throw error;
      failed.push(error);
      narrator.say(`${job.row.name}: ${error.message}`);
    }
    await writeTables(folder, name, plan, planned, results, about);
  }
  const text = await writeTables(folder, name, plan, planned, results, about);
  process.stdout.write(
    `\n${text}\n\ntables  ${join(folder.path, "table.md")}, table.csv, results.json\nruns    ${join(folder.path, "runs")}\ntook    ${clock(since())}\n`,
  );
  if (failed.length) throw failed[0];
}

/**
 * A job's whole configuration: its preset; nothing stops early; the data's sizes; the flags; what the job itself
 * decides.
 */
async function configOf(
  job: Job,
  data: ExperimentData,
  given: readonly Layer[],
  cases: TrainConfig["cases"],
): Promise<TrainConfig> {
  const plain = (value: PartialConfig): Layer => ({ value, locate: (error: ConfigError) => error });
  const config = layeredConfig(presetOf(job.row.preset), [
    plain({ optimization: { patience: null } }),
    plain(data.fields(job.row.swapped ?? false)),
    ...given,
    plain({ seed: job.seed, networks: { segmentor: { kind: job.segmentor } }, cases }),
  ]);
  const {
    networks,
    networks: { features },
  } = config;
  const vgg = features.file === null ? undefined : await examineVgg(features.file, features);
  return { ...config, networks: { ...networks, features: { ...features, ...vgg } } };
}

/** Steps of a round of the longer set. */
const roundOf = (
  { optimization: { batch } }: TrainConfig,
  { student, teacher }: Awaited<ReturnType<ExperimentData["sets"]>>,
): number => Math.ceil(Math.max(student.count, teacher?.count ?? 0) / batch);

/** Fields that layers give, the later over the earlier. */
function mergedFields(layers: readonly Layer[]): PartialConfig {
  const merge = (a: unknown, b: unknown): unknown =>
    isPlain(a) && isPlain(b)
      ? Object.fromEntries([...Object.keys(a), ...Object.keys(b)].map((k) => [k, k in b ? merge(a[k], b[k]) : a[k]]))
      : b;
  return layers.reduce<unknown>((all, { value }) => merge(all, value), {}) as PartialConfig;
}
const isPlain = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);

function readFlags(
  flags: ExperimentFlags,
  plan: Experiment,
): {
  segmentors: readonly SegmentorName[];
  seeds: number;
  folds: number | null;
  budget: number | null;
  toleranceMm: number;
} {
  const whole = (name: string, text: string, low: number): number => {
    const n = Number(text);
    if (!Number.isInteger(n) || n < low)
      throw new CommandError("usage", `--${name} ${text}: give a whole number of at least ${low}`);
    return n;
  };
  const segmentors =
    flags.segmentors === undefined
      ? plan.segmentors
      : (flags.segmentors.split(",").map((s) => s.trim()) as SegmentorName[]);
  const unknown = segmentors.find((s) => !SEGMENTORS.includes(s));
  if (unknown !== undefined)
    throw new CommandError("usage", `--segmentors ${flags.segmentors}: ${unknown} is none of ${SEGMENTORS.join(", ")}`);
  const toleranceMm = Number(flags.tolerance);
  if (!(toleranceMm >= 0) || flags.tolerance.trim() === "")
    throw new CommandError("usage", `--tolerance ${flags.tolerance}: give millimetres, 0 or more`);
  return {
    segmentors: [...new Set(segmentors)],
    seeds: whole("seeds", flags.seeds, 1),
    folds: flags.folds === undefined ? null : whole("folds", flags.folds, 2),
    budget: flags.budget === undefined ? null : secondsIn(flags.budget),
    toleranceMm,
  };
}

/** Seconds of "90s", "20m", "2h" or "1h30m". Throws CommandError. */
export function secondsIn(text: string): number {
  const found = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text.trim());
  const seconds = found ? 3600 * Number(found[1] ?? 0) + 60 * Number(found[2] ?? 0) + Number(found[3] ?? 0) : 0;
  if (!(seconds > 0)) throw new CommandError("usage", `--budget ${text}: give a time such as 90s, 20m or 2h`);
  return seconds;
}
