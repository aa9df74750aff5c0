// cmedl evaluate: what a run is worth on cases, or how well any masks agree with others.
import type { Command } from "commander";
import { basename } from "node:path";
import { applySplit } from "../data/split.ts";
import { type RocCurve, truePositiveAt } from "../metrics/roc.ts";
import { summarize } from "../metrics/summary.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { loadMaskPair, pairMasks } from "../node/dataset/index.ts";
import { Narrator } from "../node/narrator.ts";
import { evaluateRun, testCases } from "../node/run/evaluate.ts";
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
  labels?: string;
  output?: string;
  tolerance: string;
  force?: boolean;
  json?: boolean;
  device?: string;
  quiet?: boolean;
}

const CASES = ["test", "val", "train", "all"] as const;

export function register(command: Command): void {
  command
    .argument("[run]", "folder of a training run")
    .option("--data <folder>", "cases of the student's modality (default: the folder that the run was trained on)")
    .option(
      "--cases <which>",
      `which of them: ${CASES.join(", ")} (default: test where the splits name some, else val)`,
    )
    .option("--splits <file>", "the splits (default: those that go with the folder)")
    .option("--name <name>", "what the test is called in the run's folder (default: the cases, or the folder's name)")
    .option("--masks <folder>", "instead of a run: a folder of masks …")
    .option("--experts <folder>", "… and the masks that they are held against, of the same names")
    .option("--labels <values>", "with --masks: the values of the structures, e.g. 1,2,3 (default: the one there is)")
    .option("-o, --output <csv>", "with --masks: write a line a case to this file")
    .option("--tolerance <mm>", "tolerance of surface Dice", "3")
    .option("--force", "overwrite a test of the same name")
    .option("--json", "print all as JSON");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Of a run the epoch that is kept (the lowest validation loss) is tested; each slice is segmented whole.
DSC, surface DSC and HD95 are of whole volumes on their own grids, in millimetres; AUC is the area
under the ROC curve of all voxels. tests/NAME.csv has a line a case, and report.html shows the test.
Not for diagnostic use.

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
  const { source, ids, which } = await casesOf(config, flags);
  const name = flags.name ?? (flags.data === undefined ? which : basename(source.folder));
  if (!/^[\w.-]+$/.test(name))
    throw new CommandError("usage", `--name ${name}: letters, digits, "-", "_" and "." only`);
  if (!flags.force) await refuseOverwrite(testPaths(run, name).json, "give another --name, or --force");
  narrator.say(`${ids.length} cases of ${source.name} (${which})`);
  using device = await openDevice(narrator, flags.device);
  const bar = narrator.bar("testing", ids.length);
  const curves: RocCurve[] = [];
  const cases = await evaluateRun(device, config, run, testCases(source, ids, config), {
    toleranceMm,
    roc: true,
    onCase: (id, _, roc) => {
      if (roc && !Number.isNaN(roc.auc)) curves.push(roc);
      bar.advance(id);
    },
  });
  bar.done();
  narrator.end();
  const test: TestRecord = { title: `Test on ${which} cases of ${source.name}`, cases, ...meanRoc(curves) };
  const paths = await writeTest(run, name, test);
  narrator.say(`written: ${paths.csv}, ${await writeReport(run)}`);
  print(test, flags);
}

/** What is tested, and in a word which part of its folder that is. */
async function casesOf(
  config: TrainConfig,
  flags: EvaluateFlags,
): Promise<{ source: Source; ids: readonly string[]; which: string }> {
  if (flags.cases !== undefined && !CASES.includes(flags.cases))
    throw new CommandError("usage", `--cases ${flags.cases} is none of ${CASES.join(", ")}`);
  const { student } = config.data;
  if (flags.data === undefined && student === "")
    throw new CommandError("usage", "the run was trained on phantoms; name a folder of cases with --data");
  const source = await scanSource(flags.data ?? student);
  const all = source.cases.map((c) => c.id);
  if (flags.cases === "all" || (flags.data !== undefined && flags.cases === undefined && flags.splits === undefined))
    return { source, ids: all, which: "all" };
  const splits = await source.splits(flags.splits ?? config.data.splits ?? undefined);
  const split = splits && applySplit(splits.lists, source.cases, "student");
  const tested = split?.test?.map((c) => c.id) ?? [];
  const which = flags.cases ?? (tested.length > 0 ? "test" : "val");
  const ids = {
    test: tested,
    val: split?.val.map((c) => c.id) ?? config.cases.studentVal,
    train: split?.train.map((c) => c.id) ?? config.cases.studentTrain,
  }[which];
  if (ids.length === 0)
    throw new CommandError("usage", `${source.name}: its splits name no ${which} cases; give --cases val or all`);
  return { source, ids, which };
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
  const labels = labelsOf(flags.labels);
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
  if (output !== undefined) await writeAtomic(output, casesCsv(cases));
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
