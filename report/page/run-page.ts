// The page of a training run: what it learned, how it got there, what it was made of.
import { type CaseValues, axisLabel, kindOf, metricNames, metricOf } from "../comparison.ts";
import { summarize } from "../../metrics/summary.ts";
import { type Line, type PlotDocument, boxChart, lineChart } from "./charts.ts";
import { type FeatureClustersRecord, type FeatureMapsRecord, featuresSection } from "./features-section.ts";
import { groupLosses } from "./loss-groups.ts";
import { type Content, type Markup, html, tableMarkup } from "../markup.ts";
import { NOT_FOR_DIAGNOSIS, type PagePicture, type Section, pageText, pictureFigure } from "./page.ts";

/** An epoch as log.jsonl has it. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly losses: Readonly<Record<string, number>>;
  /** The part of its weight that each scheduled term had at the end, 0 to 1; absent where none is scheduled. */
  readonly scheduled?: Readonly<Record<string, number>>;
  readonly validationLoss: number | null;
  readonly dice: number | null;
  /** Dice by structure, where there are several. */
  readonly classes?: Readonly<Record<string, number | null>>;
  readonly best: boolean;
}

/** A step as log.jsonl has it. */
export interface StepRecord {
  /** Since the run began. */
  readonly steps: number;
  readonly ms: number;
  /** Of the gradients, by optimizer. */
  readonly norms?: Readonly<Record<string, number>> | undefined;
}

/** Each case of a test, by metric. */
export interface TestRecord {
  readonly title: string;
  /** Of the weights that were tested: epochs that had ended, and steps. */
  readonly epoch?: number;
  readonly steps?: number;
  /** The tolerance of surface Dice, where that is measured. */
  readonly toleranceMm?: number;
  /** What a reader of the numbers must know. */
  readonly notes?: readonly string[];
  readonly cases: Readonly<Record<string, CaseValues>>;
  /** The mean over cases of their ROC curves, and of their areas. */
  readonly roc?: { readonly falsePositive: readonly number[]; readonly truePositive: readonly number[]; auc: number };
}

export interface RunRecord {
  readonly name: string;
  /** The status, and signs of a collapse. */
  readonly status: string;
  readonly signs: readonly { readonly message: string; readonly mend: string; readonly epoch?: number }[];
  readonly epochs: readonly EpochRecord[];
  readonly steps: readonly StepRecord[];
  readonly pictures: readonly PagePicture[];
  readonly tests: readonly TestRecord[];
  /** What the networks hold inside, where that was looked at. */
  readonly featureMaps?: FeatureMapsRecord | undefined;
  readonly featureClusters?: FeatureClustersRecord | undefined;
  /** The text of config.yaml. */
  readonly config: string;
  /** Each start of the run: versions, adapter, command line. */
  readonly starts: readonly Readonly<Record<string, unknown>>[];
}

/** The page as the text of one HTML file; nothing in it is fetched. */
export function runPage(run: RunRecord, document: PlotDocument): string {
  const features = featuresSection(run.featureMaps, run.featureClusters, document);
  return pageText({
    title: run.name,
    lead: lead(run),
    sections: [
      ...(run.signs.length ? [signs(run)] : []),
      ...(run.epochs.length ? [progress(run, document), losses(run, document)] : []),
      ...(run.pictures.length ? [pictures(run)] : []),
      ...(features ? [features] : []),
      ...run.tests.map((test) => testSection(test, run.epochs, document)),
      ...(run.steps.length ? [speed(run, document)] : []),
      {
        title: "Configuration",
        body: html`<details><summary>config.yaml</summary><pre tabindex="0">${run.config}</pre></details>`,
      },
      ...(run.starts.length ? [environment(run)] : []),
    ],
  });
}

function lead({ status, epochs }: RunRecord): Markup {
  const best = epochs.filter((e) => e.best).at(-1);
  const kept = best
    ? html` The epoch that is kept is ${best.epoch}, with the lowest validation loss of ${number(best.validationLoss)} and a
 validation Dice of ${number(best.dice)}.`
    : undefined;
  return html`<p>The run is ${status}, after ${epochs.length} epoch${epochs.length === 1 ? "" : "s"}.${kept}
 <strong>${NOT_FOR_DIAGNOSIS}</strong></p>`;
}

const signs = ({ signs: seen }: RunRecord): Section => ({
  title: "Signs of a collapse",
  body: seen.map(
    ({ epoch, message, mend }) => html`
<div class="sign" role="note"><p><strong>${epoch === undefined ? "" : `Epoch ${epoch}: `}${message}.</strong> What helps: ${mend}.</p></div>`,
  ),
});

/** A line over epochs. */
const overEpochs = (
  epochs: readonly EpochRecord[],
  name: string,
  pick: (epoch: EpochRecord) => number | null | undefined,
): Line => ({ name, points: epochs.map((e) => ({ x: e.epoch, y: pick(e) ?? null })) });

const isDrawn = ({ points }: Line): boolean => points.some(({ y }) => y !== null && Number.isFinite(y));

function progress({ epochs }: RunRecord, document: PlotDocument): Section {
  const labels = [...new Set(epochs.flatMap((e) => Object.keys(e.classes ?? {})))];
  const dice = [
    overEpochs(epochs, "mean Dice", (e) => e.dice),
    ...labels.map((label) => overEpochs(epochs, label, (e) => e.classes?.[label])),
  ].filter(isDrawn);
  const validation = [overEpochs(epochs, "validation loss", (e) => e.validationLoss)].filter(isDrawn);
  const scheduled = [...new Set(epochs.flatMap((e) => Object.keys(e.scheduled ?? {})))].map((name) =>
    overEpochs(epochs, name, (e) => e.scheduled?.[name]),
  );
  const chart = (lines: readonly Line[], yLabel: string, yRange?: readonly [number, number]): Content =>
    lines.length ? lineChart(lines, { document, xLabel: "epoch", yLabel, yRange }) : undefined;
  return {
    title: "Validation",
    body: html`<div class="charts">${chart(dice, "Dice of the validation cases", [0, 1])}${chart(validation, "validation loss")}${chart(
      scheduled,
      "scheduled weights, as parts of the full ones",
      [0, 1],
    )}</div>`,
  };
}

function losses({ epochs }: RunRecord, document: PlotDocument): Section {
  const charts = groupLosses(epochs.flatMap((e) => Object.keys(e.losses))).map(({ title, names }) =>
    lineChart(
      names.map((name) => overEpochs(epochs, name, (e) => e.losses[name])),
      { document, xLabel: "epoch", yLabel: title },
    ),
  );
  return { title: "Losses in training", body: html`<div class="charts">${charts}</div>` };
}

const pictures = ({ pictures: shown }: RunRecord): Section => ({
  title: "Pictures",
  body: shown.map(pictureFigure),
});

const WORST = 10;

/** Whether a later epoch is kept by now than was tested. */
const isOld = ({ epoch }: TestRecord, epochs: readonly EpochRecord[]): boolean =>
  epoch !== undefined && epochs.some((e) => e.best && e.epoch > epoch);

function testSection(test: TestRecord, epochs: readonly EpochRecord[], document: PlotDocument): Section {
  const { title, cases, roc, toleranceMm, notes = [] } = test;
  const ids = Object.keys(cases);
  const metrics = metricNames(cases);
  const valuesOf = (metric: string): number[] => ids.map((id) => cases[id]![metric] ?? NaN);
  const boxes = [...new Set(metrics.map(kindOf))].map((kind) => {
    const metric = metricOf(kind);
    return boxChart(
      metrics
        .filter((name) => kindOf(name) === kind)
        .map((name) => ({ name: name === kind ? kind : name.slice(kind.length + 1), values: valuesOf(name) })),
      {
        document,
        xLabel: "",
        yLabel: axisLabel(metric),
        yRange: metric.range,
      },
    );
  });
  const ranked = ids.toSorted((a, b) => orderOf(cases[a]!) - orderOf(cases[b]!)).slice(0, WORST);
  const remarks = [
    ...(isOld(test, epochs) ? ["A later epoch is kept by now: test again."] : []),
    ...(toleranceMm === undefined ? [] : [`SDSC at ${toleranceMm} mm.`]),
    ...notes,
  ];
  const summaries = metrics.map((metric) => {
    const { mean, std, n } = summarize(valuesOf(metric));
    return [metric, number(mean), number(std), n];
  });
  return {
    title,
    body: html`${remarks.map((remark) => html`<p>${remark}</p>`)}${tableMarkup(["Metric", "mean", "standard deviation", "cases"], summaries)}
<div class="charts">${boxes}${roc ? rocChart(roc, document) : undefined}</div>
<h3>${ranked.length < ids.length ? `The worst ${ranked.length} of ${ids.length} cases` : "Cases, the worst first"}</h3>
${tableMarkup(
  ["Case", ...metrics],
  ranked.map((id) => [id, ...metrics.map((metric) => number(cases[id]![metric]))]),
)}`,
  };
}

/** What cases are ranked by: Dice, the mean Dice of several structures, or of pseudo images KL. Undefined goes last. */
const orderOf = ({ DSC, "DSC Avg.": average, KL }: CaseValues): number => DSC ?? average ?? -(KL ?? -Infinity);

const rocChart = (
  { falsePositive, truePositive, auc }: NonNullable<TestRecord["roc"]>,
  document: PlotDocument,
): Markup =>
  lineChart([{ name: "ROC", points: falsePositive.map((x, i) => ({ x, y: truePositive[i]! })) }], {
    document,
    xLabel: "part of the voxels outside that is above the threshold",
    yLabel: `part of the structure that is above it (mean of the cases; AUC ${auc.toFixed(3)})`,
    yRange: [0, 1],
  });

function speed({ steps }: RunRecord, document: PlotDocument): Section {
  const norms = [...new Set(steps.flatMap((s) => Object.keys(s.norms ?? {})))];
  const thinned = thin(steps);
  const line = (name: string, pick: (step: StepRecord) => number | undefined): Line => ({
    name,
    points: thinned.map((s) => ({ x: s.steps, y: pick(s) ?? null })),
  });
  const sorted = steps.map((s) => s.ms).sort((a, b) => a - b);
  return {
    title: "Steps",
    body: html`<p>A step took ${number(sorted[sorted.length >> 1]!)} ms at the median.</p><div class="charts">${lineChart(
      [line("time", (s) => s.ms)],
      { document, xLabel: "step", yLabel: "ms a step" },
    )}${
      norms.length
        ? lineChart(
            norms.map((name) => line(name, (s) => s.norms?.[name])),
            { document, xLabel: "step", yLabel: "norm of the gradients" },
          )
        : undefined
    }</div>`,
  };
}

const MOST_POINTS = 400;
/** Every k-th, so that a chart has at most 400 points. */
const thin = <T>(all: readonly T[]): T[] => {
  const stride = Math.ceil(all.length / MOST_POINTS);
  return all.filter((_, i) => i % stride === 0);
};

function environment({ starts }: RunRecord): Section {
  const fields = [...new Set(starts.flatMap((start) => Object.keys(start)))];
  const text = (value: unknown): string => {
    if (Array.isArray(value)) return value.join(" ");
    return typeof value === "object" && value ? JSON.stringify(value) : String(value ?? "");
  };
  return {
    title: "Environment",
    body: tableMarkup(
      ["", ...starts.map((_, i) => (starts.length === 1 ? "" : `start ${i + 1}`))],
      fields.map((field) => [field, ...starts.map((start) => text(start[field]))]),
    ),
  };
}

/** A number as a table has it: three digits that matter; "–" where there is none. */
function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3);
}
