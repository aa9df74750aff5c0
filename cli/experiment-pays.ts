// cmedl experiment pays: what hints and pseudo CT are worth to a student with few labelled cases, by several seeds.
import type { Command } from "commander";
import { CommandError } from "../node/errors.ts";
import { ExperimentFolder } from "../node/experiment/folder.ts";
import { mergedFields } from "../node/experiment/jobs.ts";
import { PaysData } from "../node/experiment/pays-data.ts";
import { writePays } from "../node/experiment/pays-report.ts";
import { planPays, runPays, testedPays } from "../node/experiment/pays-run.ts";
import { lengthText } from "../node/experiment/report.ts";
import { Narrator } from "../node/narrator.ts";
import { isBeside } from "../node/run/side-process.ts";
import { PAYS_DEFAULTS, PAYS_EPOCHS, PAYS_ROWS, type PaysRow, paysJobs, paysLength, paysSteps } from "../train/pays.ts";
import { type FlagValues, addConfigFlags, addForceFlag, flagLayers, oddness } from "./config-flags.ts";
import { type TaskFlags, addTaskFlags, decidedIn, doTasks } from "./experiment-tasks.ts";
import { addCacheFlag, cacheOf } from "./memory-flags.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";
import { wholeNumber } from "./whole-number.ts";

interface PaysFlags extends FlagValues, TaskFlags {
  data?: string;
  student?: string;
  teacher?: string;
  out: string;
  seeds: string;
  studentCases: string;
  rows?: string;
  size: string;
  steps?: string;
  generator: string;
  cache?: string;
  device?: string;
  force?: boolean;
  quiet?: boolean;
}

/** Flags whose fields the recipe decides, or which mean something else here. */
const OWN = [
  "--init",
  "--size",
  "--segmentor",
  "--width",
  "--blocks",
  "--layers",
  "--batch",
  "--epochs",
  "--steps",
  "--seed",
  "--fold",
];

/** Adds the command to `cmedl experiment`. */
export function registerPays(experiment: Command): void {
  const { patients, size, generator } = PAYS_DEFAULTS;
  const summary = "what hints and pseudo CT are worth to a student with few labelled cases, by several seeds";
  const command = experiment
    .command("pays")
    .summary(summary)
    .description(`Finds ${summary}.`)
    .option("--data <folder>", 'folder with ct/ and mr/, or "phantom": made on the spot, others for each seed')
    .option("--out <folder>", "folder for runs and tables, new or of an experiment to go on with", "runs/pays")
    .option("--seeds <n>", "runs of each row, the units of the test; 6 is the least that can give p < 0.05", "10")
    .option(
      "--student-cases <k,…>",
      "how many of the student's patients train; several make a learning curve",
      `${patients}`,
    )
    .option("--rows <a,b,…>", `rows to train, of ${PAYS_ROWS.map((row) => row.word).join(",")} (all)`)
    .option("--size <pixels>", "side of the images: 32 or 64 for the recipe", `${size}`)
    .option("--steps <n>", "steps of a run, a multiple of 20 (500 at 32, else 1000)")
    .option("--generator <channels>", "channels of the translators", `${generator}`);
  addConfigFlags(command, { without: OWN });
  addForceFlag(command);
  addCacheFlag(command);
  addTaskFlags(command);
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .option("--json", "print results.json instead of the tables")
    .addHelpText(
      "after",
      `
Rows:
${PAYS_ROWS.map(({ word, name }) => `  ${word.padEnd(13)} ${name}`).join("\n")}

All rows train equally many steps by one recipe, without early stopping. They are tested on patients
that no run trained on: the test cases of splits.json, or those that validate where it names none; without
one, a quarter of the patients, drawn once. Dice at the last epoch is the primary measure; that of the
best validation epoch is printed beside it. The test takes the seed as its unit. Ctrl-C saves, and the
same command goes on. Runs that are done are not trained again. More seeds, student cases and rows may
be asked for later. On a cluster: --emit writes what its engine runs, --collect makes the tables.

Examples:
  cmedl experiment pays --data phantom
  cmedl experiment pays --data phantom --seeds 2 --student-cases 1,3,12 --rows ct,pmri
  cmedl experiment pays --data data --size 64 --student-cases 4 --seeds 6`,
    )
    .action(pays);
}

async function pays(flags: PaysFlags): Promise<void> {
  const started = performance.now();
  const { seeds, patients, rows, steps: wanted, generator } = readFlags(flags);
  const narrator = new Narrator({ quiet: flags.quiet, noBars: isBeside() });
  const given = flagLayers({ ...flags, steps: undefined });
  const asked = mergedFields(given);
  const size = asked.data?.size ?? Number(flags.size);
  const steps = wanted ?? paysSteps(size);
  const cache = await cacheOf(flags.cache, flags.data);
  using data =
    flags.data === "phantom"
      ? PaysData.phantoms(size, narrator)
      : await PaysData.folders(flags, narrator, {
          splits: asked.data?.splits ?? undefined,
          odd: oddness(flags),
          cache,
        });
  const jobs = await planPays(paysJobs(rows, patients, seeds), data, { size, generator, steps, given });
  const settings = { data: data.name, steps, generator, ...asked };
  const folder = await ExperimentFolder.open(flags.out, "pays", settings);
  const { epochs, steps: ofEpoch } = paysLength(steps);
  const length = { epochs, steps: ofEpoch };
  await decidedIn(folder, flags, () => ({ version: 1, experiment: "pays", settings, length }));
  narrator.say(`data: ${data.says}`);
  narrator.say(`${jobs.length} runs of ${lengthText(length)}; the primary measure is Dice at the last epoch`);

  const about = { data: data.says, size, length };
  const open = networkOpener(narrator, flags.device);
  const around = { data, folder, narrator, open, command: "cmedl experiment pays" };
  await doTasks(
    {
      name: "pays",
      folder,
      jobs,
      runOf: (job) => job.id,
      tested: () => testedPays(jobs, folder),
      train: (chosen, processes, onJob) => runPays(chosen, { ...around, processes }, onJob),
      writeTables: (results) => writePays(folder, jobs, results, about),
      tables: "table.md, table.csv, learning-curve.csv, results.json",
      started,
    },
    flags,
    narrator,
  );
}

interface Choice {
  readonly seeds: number;
  /** Numbers of the student's patients, rising. */
  readonly patients: readonly number[];
  readonly rows: readonly PaysRow[];
  /** Undefined where none were given. */
  readonly steps: number | undefined;
  readonly generator: number;
}

function readFlags(flags: PaysFlags): Choice {
  const patients = flags.studentCases.split(",").map((text) => wholeNumber("--student-cases", text));
  const steps = flags.steps === undefined ? undefined : wholeNumber("--steps", flags.steps);
  if (steps !== undefined && steps > PAYS_EPOCHS && steps % PAYS_EPOCHS !== 0)
    throw new CommandError("usage", `--steps ${steps}: give a multiple of ${PAYS_EPOCHS}, one for each epoch`);
  return {
    seeds: wholeNumber("--seeds", flags.seeds),
    patients: [...new Set(patients)].sort((a, b) => a - b),
    rows: rowsIn(flags.rows),
    steps,
    generator: wholeNumber("--generator", flags.generator),
  };
}

/** The rows that are named, in the table's order; all where none is. */
function rowsIn(text: string | undefined): readonly PaysRow[] {
  if (text === undefined) return PAYS_ROWS;
  const words = text.split(",").map((word) => word.trim());
  const known = PAYS_ROWS.map((row) => row.word as string);
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined)
    throw new CommandError("usage", `--rows ${text}: ${unknown} is none of ${known.join(", ")}`);
  return PAYS_ROWS.filter((row) => words.includes(row.word));
}
