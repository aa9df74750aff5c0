// An experiment's findings as files and text: table.md, table.csv, results.json, report.html, and the table for the
// terminal.
import {
  type Compared,
  type Method,
  type Metric,
  axisLabel,
  compareMethods,
  comparisonCsv,
  comparisonNotes,
  comparisonTables,
  meanOfRuns,
  metricOf,
} from "../../report/comparison.ts";
import { type Boxes, experimentPage } from "../../report/page/experiment-page.ts";
import { tableMarkdown, tableText } from "../../report/table.ts";
import { type Experiment, type Job, type Length, NETWORK_NAMES, type PaperNumbers } from "../../train/experiments.ts";
import { type Evaluation, didLearn } from "../run/evaluate.ts";
import { TRANSLATION_NOTES } from "../run/translation-test.ts";
import { plotDocument } from "../../report/page/plot-document.ts";
import type { ExperimentFolder } from "./folder.ts";

export interface About {
  readonly toleranceMm: number;
  readonly length: Length;
  readonly data: string;
  /** What the title has besides, where the data is not what the paper's table is of. */
  readonly of?: string;
  /** Whether the structures are those that the paper's numbers are of. */
  readonly isOfThePaper: boolean;
  /** Whether the cases that are tested on chose the epoch too. */
  readonly testIsValidation: boolean;
}

/** "10 epochs of 32 steps". */
export const lengthText = ({ epochs, steps }: Length): string =>
  `${epochs} epoch${epochs === 1 ? "" : "s"} of ${steps} step${steps === 1 ? "" : "s"}`;

/** Writes the tables of what was found so far; their text. */
export async function writeTables(
  folder: ExperimentFolder,
  name: string,
  plan: Experiment,
  jobs: readonly Job[],
  results: ReadonlyMap<Job, Evaluation>,
  about: About,
): Promise<string> {
  const metrics = metricsOf(plan, [...results.values()]);
  const methods = methodsOf(plan, jobs, results, about);
  const compared = compareMethods(methods, metrics, plan.reference);
  const title = about.of === undefined ? plan.title : `${plan.title}: ${about.of}`;
  const tables = comparisonTables(title, compared, metrics, {
    reference: plan.reference,
    elsewhere: `The paper's: ${plan.source}`,
  });
  const notes = notesOf(plan, jobs, results, compared, about);
  await folder.write(
    "table.md",
    `${[...tables.map(tableMarkdown), notes.map((n) => `- ${n}`).join("\n")].join("\n\n")}\n`,
  );
  await folder.write("table.csv", comparisonCsv(compared, metrics));
  const boxes = metrics.flatMap((metric) => boxesOf(methods, metric));
  const page = { title, findings: [], tables, boxes, notes };
  await folder.write("report.html", experimentPage(page, await plotDocument()));
  await folder.write(
    "results.json",
    `${JSON.stringify(
      {
        experiment: name,
        ...about,
        reference: plan.reference,
        rows: compared,
        runs: jobs
          .filter((j) => results.has(j))
          .map((j) => ({
            method: j.row.name,
            part: j.row.part,
            preset: j.row.preset,
            segmentor: j.segmentor,
            seed: j.seed,
            fold: j.fold,
            run: j.run,
            cases: results.get(j),
          })),
      },
      null,
      2,
    )}\n`,
  );
  return [...tables.map(tableText), notes.join("\n")].join("\n\n");
}

/** The values of each method's cases, network by network. */
function boxesOf(methods: readonly Method[], metric: Metric): Boxes[] {
  return [...new Set(methods.map((m) => m.group))].map((group) => ({
    title: group,
    metric: axisLabel(metric),
    groups: methods
      .filter((m) => m.group === group)
      .map((m) => ({ name: m.name, values: Object.values(m.cases).map((values) => values[metric.name] ?? NaN) })),
    range: metric.range,
  }));
}

/** The experiment's metrics, structure by structure where there are several. */
function metricsOf(plan: Experiment, found: readonly Evaluation[]): Metric[] {
  const names = Object.keys(Object.values(found[0] ?? {})[0] ?? {});
  return plan.metrics.flatMap((kind) => {
    const own = names.filter((n) => n === kind || n.startsWith(`${kind} `));
    return (own.length ? own : [kind]).map(metricOf);
  });
}

/**
 * Rows of the table, network by network. A case's values are the mean over seeds; folds bring different cases
 * together.
 */
function methodsOf(
  plan: Experiment,
  jobs: readonly Job[],
  results: ReadonlyMap<Job, Evaluation>,
  { isOfThePaper }: About,
): Method[] {
  const parts = [...new Set(plan.rows.map((r) => r.part))];
  const segmentors = [...new Set(jobs.map((j) => j.segmentor))];
  return parts.flatMap((part) =>
    segmentors.flatMap((segmentor) =>
      plan.rows
        .filter((r) => r.part === part)
        .map((row): Method => {
          const own = jobs.filter((j) => j.row === row && j.segmentor === segmentor && results.has(j));
          const paper = isOfThePaper ? row.paper?.[segmentor] : undefined;
          const elsewhere = paper && paperNumbers(plan.metrics, paper);
          return {
            group: part === undefined ? NETWORK_NAMES[segmentor] : `${part}, ${NETWORK_NAMES[segmentor]}`,
            name: row.name,
            cases: meanOfRuns(own.map((j) => results.get(j)!)),
            learned: plan.tests === "translation" || own.length === 0 || own.some((j) => didLearn(results.get(j)!)),
            ...(elsewhere ? { elsewhere } : {}),
          };
        }),
    ),
  );
}

/** The paper's numbers by metric, for one structure and for the mean of several. */
function paperNumbers(metrics: Experiment["metrics"], numbers: PaperNumbers): Record<string, string | null> {
  const pairs = metrics.map((metric, i) => [metric, numbers[i] ?? null] as const);
  return Object.fromEntries(
    pairs.flatMap(([metric, number]) => [
      [metric, number],
      [`${metric} Avg.`, number],
    ]),
  );
}

/** Which of `all` results are not in yet. */
export const missingText = (missing: readonly string[], all: number): string =>
  `${all - missing.length} of ${all} runs are in; missing: ${missing.join(", ")}`;

function notesOf(
  plan: Experiment,
  jobs: readonly Job[],
  results: ReadonlyMap<Job, Evaluation>,
  compared: readonly Compared[],
  { toleranceMm, length, data, isOfThePaper, testIsValidation }: About,
): string[] {
  const missing = jobs.filter((j) => !results.has(j)).map((j) => j.id);
  const seeds = new Set(jobs.map((j) => j.seed)).size;
  const times = seeds > 1 ? `, ${seeds} times; a case counts with the mean of its runs` : "";
  const tolerance = plan.metrics.includes("SDSC") ? `SDSC at ${toleranceMm} mm; ` : "";
  return [
    ...comparisonNotes(compared, plan.reference),
    `every row trained ${lengthText(length)}${times}`,
    ...(plan.tests === "translation"
      ? TRANSLATION_NOTES
      : [`${tolerance}HD95 where nothing was segmented: the diagonal of the volume`]),
    ...(testIsValidation ? ["the cases tested on also chose each row's best epoch: all rows are flattered alike"] : []),
    ...(isOfThePaper ? ["the paper's numbers are of its own patients, and no target for others"] : []),
    `data: ${data}`,
    ...(missing.length > 0 ? [missingText(missing, jobs.length)] : []),
  ];
}
