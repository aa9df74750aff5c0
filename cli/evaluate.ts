// cmedl evaluate: what a run is worth on cases, or how well any masks agree with others.
import type { Command } from "commander";
import { basename } from "node:path";
import { type RocCurve, truePositiveAt } from "../metrics/roc.ts";
import { summarize } from "../metrics/summary.ts";
import { CommandError } from "../node/errors.ts";
import { exists, refuseOverwrite, writeAtomic } from "../node/files.ts";
import { loadMaskPair, pairMasks } from "../node/dataset/index.ts";
import { Narrator } from "../node/narrator.ts";
import { didLearn, evaluateRun, testCases } from "../node/run/evaluate.ts";
import { RunFolder } from "../node/run/folder.ts";
import { writeReport } from "../node/run/report.ts";
import { scoresOf } from "../node/run/scores.ts";
import { type Source, scanSource } from "../node/run/source.ts";
import { casesCsv, testPaths, writeTest } from "../node/run/tests.ts";
import type { TestRecord } from "../report/page/run-page.ts";
import { tableText } from "../report/table.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";

interface EvaluateFlags {
  data?: string;
  cases?: "test" | "val" | "train" | "all";
  splits?: string;
  name?: string;
  masks?: string;
  experts?: string;
  label?: string;
  labels?: string;
  output?: string;
  tolerance: string;
  force?: boolean;
  json?: boolean;
  device?: string;
  quiet?: boolean;
}

const NOTHING_LEARNED = "nothing right was segmented in any case; HD95 is then the diagonal of the volumes";

const CASES = ["test", "val", "train", "all"] as const;

export function register(command: Command): void {
  command
    .argument("[run]", "folder of a training run")
    .option("--data <folder>", "cases of the student's modality (default: those that the run was trained on)")
    .option(
      "--cases <which>",
      `${CASES.join(", ")} (default: test where the splits name some, else val; of --data all)`,
    )
    .option("--splits <file>", "the splits (default: those that go with the folder)")
    .option("--name <name>", "what the test is called in the run's folder (the cases, or the folder's name)")
    .option("--masks <folder>", "instead of a run: a folder of masks …")
    .option("--experts <folder>", "… and the masks that they are held against, of the same names")
    .option("--labels <values>", "with --masks: the values of the structures, as 1,2,3 (the one there is)")
    .option("--label <value>", "with --masks: the value of one structure among several")
    .option("-o, --output <csv>", "with --masks: write a line a case to this file")
    .option("--tolerance <mm>", "tolerance of surface Dice", "3")
    .option("--force", "overwrite a test of the same name; test on cases that took part in the run")
    .option("--json", "print all as JSON");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Of a run the epoch that is kept (the lowest validation loss) is tested; each slice is segmented whole.
DSC, surface DSC and HD95 are of whole volumes on their own grids, in millimetres; AUC, of one
structure only, is the area under the ROC curve of all voxels. tests/NAME.csv has a line a case, and
report.html shows the test. Not for diagnostic use.

Examples:
  cmedl evaluate runs/first
  cmedl evaluate runs/first --data other/ct --cases all
  cmedl evaluate --masks rater-2 --experts rater-1 -o agreement.csv`,
    )
    .action((run: string | undefined, flags: EvaluateFlags) => {
      const toleranceMm = Number(flags.tolerance);
      if (!(toleranceMm >= 0)) throw new CommandError("usage", `--tolerance ${flags.tolerance} is no length in mm`);
      if (run !== undefined && flags.masks === undefined && flags.experts === undefined)
        return evaluate(run, toleranceMm, flags);
      if (run === undefined && flags.masks !== undefined && flags.experts !== undefined)
        return compareMasks(flags.masks, flags.experts, toleranceMm, flags);
      throw new CommandError("usage", "give the folder of a run, or --masks FOLDER with --experts FOLDER");
    });
}

async function evaluate(runPath: string, toleranceMm: number, flags: EvaluateFlags): Promise<void> {
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(runPath);
  const config = await run.readConfig();
  const { source, ids, which } = await casesOf(config, flags, narrator);
  const folder = basename(source.folder).replace(/[^\w.-]+/g, "_");
  const name = flags.name ?? (flags.data === undefined ? which : which === "all" ? folder : `${folder}-${which}`);
  if (!/^[\w.-]+$/.test(name))
    throw new CommandError("usage", `--name ${name}: letters, digits, "-", "_" and "." only`);
  if (!flags.force) await refuseOverwrite(testPaths(run, name).json, "give another --name, or --force");
  narrator.say(`${ids.length} cases of ${source.name} (${which})`);
  using device = await openDevice(narrator, flags.device);
  const kept = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  const { epoch, steps } = kept.checkpoint.progress;
  narrator.say(`weights of ${kept.file}, after ${steps} steps`);
  const bar = narrator.bar("testing", ids.length);
  const curves: RocCurve[] = [];
  const cases = await evaluateRun(device, config, run, testCases(source, ids, config), {
    toleranceMm,
    roc: true,
    ...(config.data.labels ? { names: config.data.labels.map(String) } : {}),
    onCase: (id, _, roc) => {
      if (roc && !Number.isNaN(roc.auc)) curves.push(roc);
      bar.advance(id);
    },
  });
  bar.done();
  narrator.end();
  const title = `Test on ${which} cases of ${source.name}, after ${steps} steps`;
  const test: TestRecord = { title, epoch, steps, cases, ...meanRoc(curves) };
  if (!didLearn(cases)) narrator.say(`warning: ${NOTHING_LEARNED}`);
  const paths = await writeTest(run, name, test);
  narrator.say(`written: ${paths.csv}, ${await writeReport(run)}`);
  print(test, flags);
}

/** What is tested, and in a word which part of its folder that is. */
interface Tested {
  readonly source: Source;
  readonly ids: readonly string[];
  readonly which: "test" | "val" | "train" | "all";
}

/**
 * The cases that the flags name. Which ones trained and validated is the run's own word, not that of a file that may
 * have changed since. Throws CommandError where there are none, or where test cases took part in the run.
 */
async function casesOf(config: TrainConfig, flags: EvaluateFlags, narrator: Narrator): Promise<Tested> {
  const { cases, splits } = flags;
  if (cases !== undefined && !CASES.includes(cases))
    throw new CommandError("usage", `--cases ${cases} is none of ${CASES.join(", ")}`);
  const source = await sourceOf(config, flags);
  const all = source.cases.map((c) => c.id);
  const isOther = flags.data !== undefined;
  const tested = await testIds(source, splits ?? (isOther ? undefined : (config.data.splits ?? undefined)));
  const { studentTrain, studentVal } = config.cases;
  const which = cases ?? (isOther && splits === undefined ? "all" : tested.length > 0 ? "test" : "val");
  const here = (ids: readonly string[]): readonly string[] => ids.filter((id) => all.includes(id));
  const ids = { all, test: tested, val: here(studentVal), train: here(studentTrain) }[which];
  if (ids.length === 0)
    throw new CommandError("usage", `${source.name}: there are no ${which} cases; give another word to --cases`);
  if (which === "test" || which === "all") {
    const known = ids.filter((id) => studentTrain.includes(id) || studentVal.includes(id));
    const told = `${known.length} of ${ids.length} cases trained or validated this run (${known.slice(0, 3).join(", ")}${known.length > 3 ? ", …" : ""})`;
    if (known.length > 0 && which === "test" && !flags.force)
      throw new CommandError("usage", `${told}: that is no test; give other --splits, or --force`);
    if (known.length > 0) narrator.say(`warning: ${told}, if they are the same patients: their scores flatter it`);
  }
  return { source, ids, which };
}

/** The folder that is named, or the run's own. Throws CommandError where there is none. */
async function sourceOf({ data }: TrainConfig, flags: EvaluateFlags): Promise<Source> {
  if (flags.data !== undefined) return scanSource(flags.data);
  if (data.student === "")
    throw new CommandError("usage", "the run was trained on phantoms; name a folder of cases with --data");
  if (!(await exists(data.student)))
    throw new CommandError(
      "data",
      `${data.student}, which the run was trained on, is gone; say where its cases are by --data FOLDER`,
    );
  return scanSource(data.student);
}

/** The test cases of a file of splits, or of the one that goes with the folder. */
async function testIds(source: Source, file: string | undefined): Promise<readonly string[]> {
  const splits = await source.splits(file);
  const named = new Set(splits?.lists.test ?? []);
  return source.cases.filter((c) => named.has(c.id) || named.has(c.patient)).map((c) => c.id);
}

/** Where the mean of curves is taken: finely where the rest is small. */
const RATES = [...Array.from({ length: 50 }, (_, i) => (i / 50) ** 3), 1];

/** The mean of the cases' curves and of their areas; nothing without curves. */
function meanRoc(curves: readonly RocCurve[]): Pick<TestRecord, "roc"> {
  if (curves.length === 0) return {};
  const mean = (values: readonly number[]): number => summarize(values).mean;
  const found = curves.map((curve) => truePositiveAt(curve, RATES));
  return {
    roc: {
      falsePositive: RATES,
      truePositive: RATES.map((_, i) => mean(found.map((values) => values[i]!))),
      auc: mean(curves.map((curve) => curve.auc)),
    },
  };
}

async function compareMasks(masks: string, experts: string, toleranceMm: number, flags: EvaluateFlags): Promise<void> {
  const { output, force } = flags;
  if (output !== undefined && !force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });
  const labels = labelsOf(flags.labels ?? flags.label);
  const names = labels === null ? ["1"] : labels.map(String);
  const { pairs, missing } = await pairMasks(masks, experts);
  if (missing.length > 0) narrator.say(`warning: ${masks} holds no mask of ${missing.join(", ")}: not scored`);
  const bar = narrator.bar("scoring", pairs.length);
  const cases: Record<string, TestRecord["cases"][string]> = {};
  for (const pair of pairs) {
    const { image, mask, expert } = await loadMaskPair(pair, labels);
    cases[pair.id] = scoresOf(mask, expert, image, { names, toleranceMm });
    bar.advance(pair.id);
  }
  bar.done();
  narrator.end();
  if (output !== undefined) {
    await writeAtomic(output, casesCsv(cases));
    narrator.say(`written: ${output}`);
  }
  print({ title: `${masks} against ${experts}`, cases }, flags);
}

function labelsOf(text: string | undefined): readonly number[] | null {
  if (text === undefined) return null;
  const labels = text.split(",").map(Number);
  if (!labels.every((label) => Number.isInteger(label) && label > 0))
    throw new CommandError("usage", `--labels ${text} is no list of whole numbers above 0`);
  return labels;
}

/** The test's summary as a table, or all of it as JSON, on stdout. */
function print(test: TestRecord, { json }: EvaluateFlags): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(test, null, 2)}\n`);
    return;
  }
  const ids = Object.keys(test.cases);
  const metrics = [...new Set(ids.flatMap((id) => Object.keys(test.cases[id]!)))].filter((m) => m !== "segmented");
  const rows = metrics.map((metric) => {
    const { mean, std, n } = summarize(ids.map((id) => test.cases[id]![metric] ?? NaN));
    const digits = metric.startsWith("HD95") ? 2 : 3;
    const text = (v: number): string => (Number.isNaN(v) ? "–" : v.toFixed(digits));
    return [metric, text(mean), text(std), String(n)];
  });
  const head = ["", "metric", "mean", "± std", "cases"];
  process.stdout.write(`${tableText({ title: test.title, head, groups: [{ name: "", rows }] })}\n`);
}
