// cmedl split: writes a splits.json of a folder's cases, split by patient, to be used as it is or edited.
import { join } from "node:path";
import type { Command } from "commander";
import { drawFold, drawTest } from "../data/folds.ts";
import { type CaseName, randomSplit } from "../data/split.ts";
import { scanDataset, scanImages } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { idsOf } from "../train/run/plan.ts";
import { wholeNumber } from "./whole-number.ts";

interface SplitFlags {
  out?: string;
  teacher?: string;
  folds?: string;
  test?: string;
  validation: string;
  seed: string;
  force?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<data>", "folder of the student's cases")
    .option("-o, --out <file>", "the file to write (splits.json in the folder, where it is found by itself)")
    .option("--teacher <folder>", "folder of the teacher's cases: it gets a list of its own, without tested patients")
    .option("--folds <k>", "write k folds, those of `cmedl experiment --folds k` where the seed is 0")
    .option("--test <share>", "share of the patients that is kept for the test, such as 0.2 (none)")
    .option("--validation <share>", "share of the other patients that validates, without --folds", "0.2")
    .option("--seed <n>", "seed of the draw", "0")
    .option("--force", "overwrite the file if it exists")
    .addHelpText(
      "after",
      `
The file has lists of case ids: "train", "val" and "test"; with --teacher, "train_student" and
"train_teacher"; with --folds, a list of such objects, of which \`cmedl train --fold i\` takes the
i-th, from 1. All cases of a patient stand in one list, and no patient who validates or is tested on
trains. The file may be edited: docs/formats.md describes it. Without --folds and --test it is the split that
\`cmedl train\` draws from the same seed.

Examples:
  cmedl split data/ct --test 0.2
  cmedl split data/ct --teacher data/mr --out data/splits.json
  cmedl split data/ct --out folds.json --folds 5
  cmedl train --student data/ct --teacher data/mr --splits folds.json --fold 2 --out runs/fold2`,
    )
    .action(split);
}

/** One split as the file has it. */
type Lists = Record<string, readonly string[]>;

async function split(folder: string, flags: SplitFlags): Promise<void> {
  const { out = join(folder, "splits.json"), force } = flags;
  const seed = wholeNumber("--seed", flags.seed, 0);
  const folds = flags.folds === undefined ? undefined : wholeNumber("--folds", flags.folds, 2);
  const validation = shareOf("--validation", flags.validation);
  if (!force) await refuseOverwrite(out, "choose another name, or give --force");
  const { cases } = await scanDataset(folder);
  const teacher = flags.teacher === undefined ? undefined : (await scanImages(flags.teacher)).cases;

  const { test, rest } =
    flags.test === undefined ? { test: [], rest: cases } : drawTest(cases, shareOf("--test", flags.test), folder, seed);
  const listsOf = (drawn: { train: readonly CaseName[]; val: readonly CaseName[] }): Lists =>
    lists(drawn.train, drawn.val, test, teacher);
  const content =
    folds === undefined
      ? listsOf(randomSplit(rest, seed, validation, folder))
      : Array.from({ length: folds }, (_, i) => listsOf(drawFold(rest, { fold: i + 1, of: folds }, folder, seed)));
  await writeAtomic(out, `${JSON.stringify(content, null, 2)}\n`);
  for (const line of summary(Array.isArray(content) ? content : [content])) process.stderr.write(`${line}\n`);
  process.stdout.write(`${out}\n`);
}

function lists(
  train: readonly CaseName[],
  val: readonly CaseName[],
  test: readonly CaseName[],
  teacher: readonly CaseName[] | undefined,
): Lists {
  const held = new Set([...val, ...test].map((c) => c.patient));
  const kept = { val: idsOf(val), ...(test.length > 0 ? { test: idsOf(test) } : {}) };
  if (!teacher) return { train: idsOf(train), ...kept };
  const teaching = teacher.filter((c) => !held.has(c.patient));
  return { train_student: idsOf(train), train_teacher: idsOf(teaching), ...kept };
}

/** "fold 1: train 8, val 2, test 3", a line each. */
function summary(splits: readonly Lists[]): string[] {
  return splits.map((one, i) => {
    const counts = Object.entries(one).map(([name, ids]) => `${name} ${ids.length}`);
    return `${splits.length > 1 ? `fold ${i + 1}: ` : ""}${counts.join(", ")}`;
  });
}

/** The share, above 0 and below 1, that a flag's text says. Throws CommandError. */
function shareOf(flag: string, text: string): number {
  const share = Number(text);
  if (share > 0 && share < 1) return share;
  throw new CommandError("usage", `${flag} ${text}: give a share between 0 and 1, such as 0.2`);
}
