// The findings of `experiment pays` as files and text: table.md, table.csv, learning-curve.csv, results.json,
// report.html, and the tables for the terminal.
import { fewestPairs } from "../../metrics/wilcoxon.ts";
import { LEVEL } from "../../report/comparison.ts";
import { type Boxes, experimentPage } from "../../report/page/experiment-page.ts";
import { type SeedRun, type SeedSummary, compareSeeds, meanOf, summarizeSeeds } from "../../report/seeds.ts";
import { type Table, csv, tableMarkdown, tableText } from "../../report/table.ts";
import type { Length } from "../../train/experiments.ts";
import { PAYS_BASELINE, PAYS_COMPARISONS, type PaysRow } from "../../train/pays.ts";
import { plotDocument } from "../../report/page/plot-document.ts";
import type { ExperimentFolder } from "./folder.ts";
import { type PaysComparison, conclusions, differenceText, pText } from "./pays-conclusion.ts";
import type { PaysResult, PaysResults, PlannedPaysJob } from "./pays-run.ts";
import { lengthText, missingText } from "./report.ts";

export interface PaysAbout {
  /** The data in words. */
  readonly data: string;
  readonly size: number;
  readonly length: Length;
}

/** Which epoch a run is judged at; the first is the primary measure, fixed before anything was trained. */
type Epoch = keyof PaysResult;
const EPOCHS: readonly Epoch[] = ["last", "best"];
const EPOCH_NAMES: Readonly<Record<Epoch, string>> = { last: "last epoch", best: "best epoch" };

/** What was found with so many of the student's patients. */
interface Found {
  readonly patients: number;
  readonly rows: readonly (PaysRow & { readonly runs: Readonly<Record<Epoch, readonly SeedRun[]>> })[];
  readonly comparisons: Readonly<Record<Epoch, readonly PaysComparison[]>>;
}

const TITLE = "When CMEDL pays";

/** Writes the tables of what was found so far; their text. */
export async function writePays(
  folder: ExperimentFolder,
  jobs: readonly PlannedPaysJob[],
  results: PaysResults,
  about: PaysAbout,
): Promise<string> {
  const found = findings(jobs, results);
  const tables = [scores(found, about), ...EPOCHS.map((epoch) => differences(found, epoch)), curve(found)].filter(
    (table) => table !== undefined,
  );
  const says = found.flatMap((f) =>
    conclusions(f.comparisons.last, PAYS_BASELINE).map((sentence) =>
      found.length > 1 ? `${patientsText(f)}: ${sentence}` : sentence,
    ),
  );
  const notes = notesOf(jobs, results, about);
  const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join("\n");
  const markdown = [...tables.map(tableMarkdown), `**By the last epoch**\n\n${list(says)}`, list(notes)];
  await folder.write("table.md", `${markdown.join("\n\n")}\n`);
  const page = { title: TITLE, findings: says, tables, boxes: found.map(boxesOf), notes };
  await folder.write("report.html", experimentPage(page, await plotDocument()));
  await folder.write("table.csv", tableCsv(found));
  await folder.write("learning-curve.csv", curveCsv(found));
  await folder.write("results.json", `${JSON.stringify(resultsOf(found, jobs, results, about, says), null, 2)}\n`);
  return [...tables.map(tableText), says.join("\n"), notes.join("\n")].join("\n\n");
}

function findings(jobs: readonly PlannedPaysJob[], results: PaysResults): Found[] {
  const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
  return distinct(jobs.map((job) => job.patients)).map((patients): Found => {
    const here = jobs.filter((job) => job.patients === patients);
    const runsOf = (row: PaysRow, epoch: Epoch): SeedRun[] =>
      here.flatMap((job) => {
        const result = job.row === row ? results.get(job)?.[epoch] : undefined;
        return result ? [{ seed: job.seed, patients: result.dice, learned: result.learned }] : [];
      });
    const rows = distinct(here.map((job) => job.row)).map((row) => ({
      ...row,
      runs: { last: runsOf(row, "last"), best: runsOf(row, "best") },
    }));
    const comparisonsAt = (epoch: Epoch): PaysComparison[] =>
      PAYS_COMPARISONS.flatMap(([word, other]) => {
        const row = rows.find((r) => r.word === word);
        const against = rows.find((r) => r.word === other);
        return row && against ? [{ row, against, ...compareSeeds(row.runs[epoch], against.runs[epoch]) }] : [];
      });
    return { patients, rows, comparisons: { last: comparisonsAt("last"), best: comparisonsAt("best") } };
  });
}

const patientsText = ({ patients }: Found): string => `${patients} patient${patients === 1 ? "" : "s"}`;

function summaryText({ mean, std, n, failed }: SeedSummary): string {
  if (n === 0) return "–";
  return `${mean.toFixed(3)}${Number.isNaN(std) ? "" : ` ± ${std.toFixed(3)}`}${failed > 0 ? "†" : ""}`;
}

/** The seeds' Dice at the last epoch, row by row. */
const boxesOf = (found: Found): Boxes => ({
  title: `Last epoch, by ${patientsText(found)} of the student's modality: a dot a seed`,
  metric: "mean Dice of a seed's patients",
  groups: found.rows.map(({ word, runs }) => ({ name: word, values: runs.last.map(meanOf) })),
  range: [0, 1],
});

/** Each row's Dice at both epochs. */
const scores = (found: readonly Found[], { size }: PaysAbout): Table => ({
  title: `${TITLE}: Dice on patients that no run trained on, ${size} × ${size}`,
  head: ["Student", "Row", ...EPOCHS.map((epoch) => EPOCH_NAMES[epoch]), "seeds"],
  groups: found.map((f) => ({
    name: patientsText(f),
    rows: f.rows.map(({ name, runs }) => [
      name,
      ...EPOCHS.map((epoch) => summaryText(summarizeSeeds(runs[epoch]))),
      String(runs.last.length),
    ]),
  })),
});

/** Row against row at one epoch; undefined where nothing is compared. */
function differences(found: readonly Found[], epoch: Epoch): Table | undefined {
  const groups = found
    .filter((f) => f.comparisons[epoch].length > 0)
    .map((f) => ({
      name: patientsText(f),
      rows: f.comparisons[epoch].map((c) => [
        c.row.name,
        c.against.name,
        c.difference.n > 0 ? differenceText(c) : "–",
        `${c.ahead} of ${c.difference.n}`,
        Number.isNaN(c.p) ? "not tested" : pText(c.p),
        Number.isNaN(c.p) ? "–" : `${c.patientsAhead} / ${c.patientsBehind}`,
      ]),
    }));
  if (groups.length === 0) return undefined;
  const primary = epoch === "last" ? " (primary)" : "";
  return {
    title: `Differences at the ${EPOCH_NAMES[epoch]}${primary}`,
    head: ["Student", "Row", "against", "difference [95 %]", "ahead", "p", "p < 0.05 in +/−"],
    groups,
  };
}

/** Dice at the last epoch by the number of patients; undefined where there is one number only. */
const curve = (found: readonly Found[]): Table | undefined =>
  found.length < 2
    ? undefined
    : {
        title: "Learning curve: Dice at the last epoch by the student's patients",
        head: ["", "Row", ...found.map((f) => String(f.patients))],
        groups: [
          {
            name: "",
            rows: found[0]!.rows.map(({ word, name }) => [
              name,
              ...found.map((f) => summaryText(summarizeSeeds(f.rows.find((r) => r.word === word)?.runs.last ?? []))),
            ]),
          },
        ],
      };

function notesOf(jobs: readonly PlannedPaysJob[], results: PaysResults, { data, length }: PaysAbout): string[] {
  const seeds = new Set([...results.keys()].map((job) => job.seed)).size;
  const missing = jobs.filter((job) => !results.has(job)).map((job) => job.id);
  const least = fewestPairs(LEVEL);
  const hasFailed = [...results.values()].some(({ last, best }) => !last.learned || !best.learned);
  return [
    "mean ± standard deviation over seeds of the mean Dice of a seed's patients, over all slices of a volume at once",
    "the last epoch is the primary measure, fixed before anything was trained; the best is chosen by validation loss",
    "p: two-sided Wilcoxon signed-rank test over seeds, exact unless differences tie, not corrected for the number " +
      "of rows; [95 %]: Student's t over seeds",
    "p < 0.05 in +/−: seeds whose patients, segmented by that seed's networks alone, are better / worse by that test",
    ...(hasFailed
      ? [
          "† a run learned nothing: Dice 0 or constant masks for all patients. It counts with its Dice; a row half of " +
            "whose runs learned nothing is not tested",
        ]
      : []),
    ...(seeds < least
      ? [`with ${seeds} seed${seeds === 1 ? "" : "s"} no p can fall below ${LEVEL}: the test needs at least ${least}`]
      : []),
    `every row trained ${lengthText(length)}`,
    `data: ${data}`,
    ...(missing.length > 0 ? [missingText(missing, jobs.length)] : []),
  ];
}

/** A line for each row and epoch, with its difference from the baseline. */
const tableCsv = (found: readonly Found[]): string =>
  csv([
    ["patients", "row", "epoch", "mean", "std", "seeds", "learned nothing", ...DIFFERENCE_COLUMNS],
    ...found.flatMap(({ patients, rows, comparisons }) =>
      rows.flatMap(({ word, name, runs }) =>
        EPOCHS.map((epoch) => {
          const { mean, std, n, failed } = summarizeSeeds(runs[epoch]);
          const c = comparisons[epoch].find((one) => one.row.word === word && one.against.word === PAYS_BASELINE);
          const against = c
            ? [c.difference.mean, c.difference.low, c.difference.high, c.ahead, c.p, c.patientsAhead, c.patientsBehind]
            : DIFFERENCE_COLUMNS.map(() => null);
          return [patients, name, epoch, mean, std, n, failed, ...against];
        }),
      ),
    ),
  ]);
const DIFFERENCE_COLUMNS = ["difference", "low", "high", "ahead", "p", "patients ahead", "patients behind"];

/** A line for each row, with its mean at the last epoch by the number of patients. */
const curveCsv = (found: readonly Found[]): string =>
  csv([
    ["row", ...found.map((f) => f.patients)],
    ...(found[0]?.rows ?? []).map(({ word, name }) => [
      name,
      ...found.map((f) => summarizeSeeds(f.rows.find((r) => r.word === word)?.runs.last ?? []).mean),
    ]),
  ]);

const resultsOf = (
  found: readonly Found[],
  jobs: readonly PlannedPaysJob[],
  results: PaysResults,
  about: PaysAbout,
  says: readonly string[],
): object => ({
  experiment: "pays",
  ...about,
  primary: "last",
  conclusions: says,
  found: found.map(({ patients, rows, comparisons }) => ({
    patients,
    rows: rows.map(({ word, name, runs }) => ({
      word,
      name,
      last: summarizeSeeds(runs.last),
      best: summarizeSeeds(runs.best),
    })),
    comparisons: Object.fromEntries(
      EPOCHS.map((epoch) => [
        epoch,
        comparisons[epoch].map((c) => ({ ...c, row: c.row.word, against: c.against.word })),
      ]),
    ),
  })),
  runs: jobs.flatMap((job) => {
    const result = results.get(job);
    return result ? [{ run: job.id, row: job.row.word, patients: job.patients, seed: job.seed, ...result }] : [];
  }),
});
