// cmedl evaluate: what a run is worth on cases; of masks alone see evaluate-masks.ts.
import type { Command } from "commander";
import { basename } from "node:path";
import { refuseUnknown } from "../data/split.ts";
import type { Device } from "../engine/index.ts";
import { type RocCurve, meanRoc } from "../metrics/roc.ts";
import { CommandError } from "../node/errors.ts";
import { exists, refuseOverwrite } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { type TestCase, didLearn, evaluateRun, testCases } from "../node/run/evaluate.ts";
import { RunFolder } from "../node/run/folder.ts";
import { writeReport } from "../node/run/report.ts";
import { type Source, imageSource, scanSource } from "../node/run/source.ts";
import { testPaths, writeTest } from "../node/run/tests.ts";
import { requireTranslator } from "../train/volumes/volume-translator.ts";
import type { TestRecord } from "../report/page/run-page.ts";
import type { Checkpoint } from "../train/checkpoint.ts";
import { type TrainConfig, structureNames } from "../train/config/config.ts";
import { type MaskFlags, evaluateMasks, printCases } from "./evaluate-masks.ts";
import { evaluateTranslation, realImages } from "./evaluate-translation.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";
import { TOLERANCE_FLAG, TOLERANCE_SAYS, toleranceOf } from "./tolerance.ts";

interface EvaluateFlags extends MaskFlags {
  data?: string;
  cases?: "test" | "val" | "train" | "all";
  splits?: string;
  name?: string;
  translation?: boolean;
  teacher?: string;
  paired?: string;
  device?: string;
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
    .option("--translation", "test the pseudo images instead of the masks: KL, SSIM and PSNR (Table V)")
    .option("--teacher <folder>", "with --translation: real images (default: those that the run was trained on)")
    .option("--paired <folder>", "with --translation: real images of the cases' own patients, registered to them")
    .option("--masks <folder>", "instead of a run: a folder of masks …")
    .option("--experts <folder>", "… and the masks that they are held against, of the same names")
    .option("--labels <values>", "with --masks: the values of the structures, as 1,2,3 (the one there is)")
    .option("--label <value>", "with --masks: the value of one structure among several")
    .option("-o, --output <csv>", "with --masks: write a line a case to this file")
    .option(TOLERANCE_FLAG, TOLERANCE_SAYS)
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
report.html shows the test. --translation compares pseudo images with real ones of the teacher's
modality: their values as distributions, and voxel by voxel with --paired, whose images lie on the
grids of the cases that they are called after (p1_mr for p1_ct).
Not for diagnostic use.

Examples:
  cmedl evaluate runs/first
  cmedl evaluate runs/first --data other/ct --cases all
  cmedl evaluate runs/first --translation
  cmedl evaluate --masks rater-2 --experts rater-1 -o agreement.csv`,
    )
    .action((run: string | undefined, flags: EvaluateFlags) => {
      const toleranceMm = toleranceOf(flags.tolerance);
      if (run !== undefined && flags.masks === undefined && flags.experts === undefined) {
        refuse(flags, ["output", "label", "labels"], "goes with --masks alone");
        if (flags.translation) refuse(flags, ["tolerance"], "goes with masks, which --translation does not test");
        else refuse(flags, ["teacher", "paired"], "goes with --translation alone");
        return evaluate(run, toleranceMm, flags);
      }
      if (run === undefined && flags.masks !== undefined && flags.experts !== undefined) {
        refuse(
          flags,
          ["data", "cases", "splits", "name", "device", "translation", "teacher", "paired"],
          "goes with a run alone",
        );
        return evaluateMasks(flags.masks, flags.experts, toleranceMm, flags);
      }
      throw new CommandError("usage", "give the folder of a run, or --masks FOLDER with --experts FOLDER");
    });
}

/** Throws CommandError where a flag of the other form is given. */
function refuse(flags: EvaluateFlags, names: readonly (keyof EvaluateFlags)[], why: string): void {
  for (const name of names) if (flags[name] !== undefined) throw new CommandError("usage", `--${name} ${why}`);
}

async function evaluate(runPath: string, toleranceMm: number, flags: EvaluateFlags): Promise<void> {
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(runPath);
  const config = await run.readConfig();
  const { source, ids, which } = await casesOf(config, flags, narrator);
  const folder = basename(source.folder).replace(/[^\w.-]+/g, "_");
  const called = flags.data === undefined ? which : which === "all" ? folder : `${folder}-${which}`;
  const name = flags.name ?? (flags.translation ? `translation-${called}` : called);
  if (!/^[\w.-]+$/.test(name))
    throw new CommandError("usage", `--name ${name}: letters, digits, "-", "_" and "." only`);
  if (!flags.force) await refuseOverwrite(testPaths(run, name).json, "give another --name, or --force");
  const real = flags.translation ? await realImages(config, flags.teacher) : undefined;
  if (real) requireTranslator(config, run.path);
  const paired = flags.paired === undefined ? undefined : await imageSource(flags.paired);
  narrator.say(`${ids.length} cases of ${source.name} (${which})`);
  using device = await networkOpener(narrator, flags.device)();
  const kept = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  const { checkpoint } = kept;
  const { epoch, steps } = checkpoint.progress;
  narrator.say(`weights of ${kept.file}, after ${steps} steps`);
  if (real && !paired)
    narrator.say("no SSIM, no PSNR: they need --paired FOLDER, real images of the cases' own patients");
  const cases = testCases(source, ids, config, (warning) => narrator.say(warning));
  const count = ids.length;
  const scored = real
    ? await evaluateTranslation(device, config, checkpoint, { cases, count, real, paired, narrator })
    : await evaluateMasksOf(device, config, run, { cases, count, checkpoint, toleranceMm, narrator });
  const title = `${real ? "Translation" : "Test"} on ${which} cases of ${source.name}, after ${steps} steps`;
  const test: TestRecord = { title, epoch, steps, ...scored };
  if (!real && !didLearn(test.cases)) narrator.say(`warning: ${NOTHING_LEARNED}`);
  const paths = await writeTest(run, name, test);
  narrator.say(`written: ${paths.csv}, ${await writeReport(run)}`);
  printCases(test, flags);
}

interface MasksTest {
  readonly cases: AsyncIterable<TestCase>;
  readonly count: number;
  readonly checkpoint: Checkpoint;
  readonly toleranceMm: number;
  readonly narrator: Narrator;
}

/** Tests a run's masks on cases, with the mean of their ROC curves. */
async function evaluateMasksOf(
  device: Device,
  config: TrainConfig,
  run: RunFolder,
  { cases, count, checkpoint, toleranceMm, narrator }: MasksTest,
): Promise<Pick<TestRecord, "cases" | "toleranceMm" | "roc">> {
  const bar = narrator.bar("testing", count);
  const curves: RocCurve[] = [];
  const found = await evaluateRun(device, config, run, cases, {
    toleranceMm,
    checkpoint,
    roc: true,
    ...(config.data.labels ? { names: structureNames(config) } : {}),
    onCase: (id, _, roc) => {
      if (roc && !Number.isNaN(roc.auc)) curves.push(roc);
      bar.advance(id);
    },
  });
  bar.done();
  narrator.end();
  return { cases: found, toleranceMm, ...(curves.length > 0 ? { roc: meanRoc(curves) } : {}) };
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
  const tested = await testIds(source, config, flags);
  const { studentTrain, studentVal } = config.cases;
  const which = cases ?? (isOther && splits === undefined ? "all" : tested.length > 0 ? "test" : "val");
  const here = (ids: readonly string[]): readonly string[] => ids.filter((id) => all.includes(id));
  const ids = { all, test: tested, val: here(studentVal), train: here(studentTrain) }[which];
  if (ids.length === 0)
    throw new CommandError("usage", `${source.name}: there are no ${which} cases; give another word to --cases`);
  const gone = { all: [], test: [], val: studentVal, train: studentTrain }[which].filter((id) => !all.includes(id));
  if (gone.length > 0)
    narrator.say(`warning: ${source.name}: ${gone.length} ${which} cases of the run are not there: ${gone.join(", ")}`);
  if (which === "test" || which === "all") {
    const known = ids.filter((id) => studentTrain.includes(id) || studentVal.includes(id));
    const few = `${known.slice(0, 3).join(", ")}${known.length > 3 ? ", …" : ""}`;
    const problem = `${known.length} of ${ids.length} cases trained or validated this run (${few})`;
    if (known.length > 0 && which === "test" && !flags.force)
      throw new CommandError("usage", `${problem}: that is no test; give other --splits, or --force`);
    if (known.length > 0) narrator.say(`warning: ${problem}, if they are the same patients: their scores flatter it`);
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

/**
 * The test cases of the splits that the flags name, else of the run's own, else of those that go with the folder. A run
 * of a drawn fold was split whatever file there is.
 */
async function testIds(source: Source, { data }: TrainConfig, flags: EvaluateFlags): Promise<readonly string[]> {
  const isOwn = flags.data === undefined && flags.splits === undefined;
  if (isOwn && Array.isArray(data.fold)) return [];
  const file = flags.splits ?? (isOwn ? (data.splits ?? undefined) : undefined);
  const splits = await source.splits(file, isOwn && typeof data.fold === "number" ? data.fold - 1 : undefined);
  // Who validates is not tested here, and may be elsewhere.
  if (splits) refuseUnknown({ ...splits.lists, val: [] }, source.cases, { name: source.name, areAll: false });
  const named = new Set(splits?.lists.test ?? []);
  return source.cases.filter((c) => named.has(c.id) || named.has(c.patient)).map((c) => c.id);
}
