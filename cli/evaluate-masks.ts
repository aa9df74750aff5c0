// cmedl evaluate --masks: how well any masks agree with others of the same cases.
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { loadMaskPair, pairMasks } from "../node/dataset/index.ts";
import { Narrator } from "../node/narrator.ts";
import { scoresOf } from "../metrics/scores.ts";
import { casesCsv } from "../node/run/tests.ts";
import { casesTable } from "../report/cases-table.ts";
import type { CaseValues } from "../report/comparison.ts";
import type { TestRecord } from "../report/page/run-page.ts";
import { tableText } from "../report/table.ts";

export interface MaskFlags {
  masks?: string;
  experts?: string;
  label?: string;
  labels?: string;
  output?: string;
  tolerance?: string;
  force?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** Scores the masks of a folder against the experts' of another; prints the scores, and writes them where asked to. */
export async function evaluateMasks(
  masks: string,
  experts: string,
  toleranceMm: number,
  flags: MaskFlags,
): Promise<void> {
  const { output, force } = flags;
  if (output !== undefined && !force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });
  const labels = labelsOf(flags);
  const names = labels === null ? ["1"] : labels.map(String);
  const { pairs, missing } = await pairMasks(masks, experts);
  if (missing.length > 0) narrator.say(`warning: ${masks} holds no mask of ${missing.join(", ")}: not scored`);
  const bar = narrator.bar("scoring", pairs.length);
  const cases: Record<string, CaseValues> = {};
  for (const pair of pairs) {
    const { image, mask, expert } = await loadMaskPair(pair, labels, (warning) => narrator.say(warning));
    cases[pair.id] = scoresOf(mask, expert, image, { names, toleranceMm });
    bar.advance(pair.id);
  }
  bar.done();
  narrator.end();
  if (output !== undefined) {
    await writeAtomic(output, casesCsv(cases));
    narrator.say(`written: ${output}`);
  }
  printCases({ title: `${masks} against ${experts}`, toleranceMm, cases }, flags);
}

/** The labels that the flags name; null for the one that there is. */
export function labelsOf({ label, labels }: Pick<MaskFlags, "label" | "labels">): readonly number[] | null {
  if (label !== undefined && labels !== undefined)
    throw new CommandError("usage", "give --label or --labels, not both");
  if (label === undefined && labels === undefined) return null;
  const [flag, values] = label === undefined ? ["--labels", labels!.split(",")] : ["--label", [label]];
  const numbers = values.map(Number);
  if (!numbers.every((n) => Number.isInteger(n) && n > 0))
    throw new CommandError("usage", `${flag} ${values.join(",")}: labels are whole numbers above 0`);
  return numbers;
}

/** A test's means as a table, or all of it as JSON, on stdout. */
export function printCases(test: Pick<TestRecord, "title" | "cases" | "toleranceMm">, { json }: MaskFlags): void {
  const text = json ? JSON.stringify(test, null, 2) : tableText(casesTable(test.title, test.cases));
  process.stdout.write(`${text}\n`);
}
