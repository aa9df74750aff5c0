// cmedl raters: how much several raters, or algorithms, agree about the same cases (Table IV, Fig. 7).
import { basename, join, resolve } from "node:path";
import type { Command } from "commander";
import { type PairScores, agreementOf } from "../metrics/agreement.ts";
import { summarize } from "../metrics/summary.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { plotDocument } from "../report/page/plot-document.ts";
import { type Rater, casesWithout, comparePairs, isShared, ratedCases, ratersPicture } from "../node/raters.ts";
import { imageSource } from "../node/run/source.ts";
import { type Metric, axisLabel, metricOf } from "../report/comparison.ts";
import { type Boxes, experimentPage } from "../report/page/experiment-page.ts";
import { type Table, csv, tableText } from "../report/table.ts";
import { labelsOf } from "./evaluate-masks.ts";
import { TOLERANCE_FLAG, TOLERANCE_SAYS, toleranceOf } from "./tolerance.ts";

interface RatersFlags {
  output?: string;
  images?: string;
  label?: string;
  labels?: string;
  tolerance?: string;
  json?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<raters...>", "folders of label masks, one a rater, such as R1=masks/first; a name may be left out")
    .option("-o, --output <folder>", "write raters.csv, raters.json and report.html to this folder")
    .option("--images <folder>", "with -o: images of the cases, for pictures with all contours")
    .option("--labels <values>", "the values of the structures, as 1,2,3 (the one there is)")
    .option("--label <value>", "the value of one structure among several")
    .option(TOLERANCE_FLAG, TOLERANCE_SAYS)
    .option("--json", "print all as JSON")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Every two raters are compared on the cases that both have. A rater's DSC, SDSC and HD95 are the means
over its cases and the other raters; CV is the coefficient of variation σ / μ of the same values. An
algorithm is one rater more: give it the folder that \`cmedl predict\` wrote.

Example:
  cmedl raters R1=first R2=second R3=third CMEDL=predicted --images ct -o agreement`,
    )
    .action(raters);
}

async function raters(args: readonly string[], flags: RatersFlags): Promise<void> {
  const { output, images, quiet } = flags;
  const toleranceMm = toleranceOf(flags.tolerance);
  const all = ratersOf(args);
  if (images !== undefined && output === undefined)
    throw new CommandError("usage", "--images makes pictures: name the folder to write them to by -o");
  const labels = labelsOf(flags);
  const files = output === undefined ? undefined : await filesIn(output);
  const source = images === undefined ? undefined : await imageSource(images);
  const narrator = new Narrator({ quiet });
  const cases = await ratedCases(all);
  for (const rater of all) {
    const missing = casesWithout(rater, cases);
    if (missing.length > 0)
      narrator.say(`warning: ${rater.name} has no mask of ${missing.join(", ")}, which others have`);
  }
  const bar = narrator.bar("comparing", cases.filter(isShared).length);
  const pairs = await comparePairs(cases, {
    labels,
    toleranceMm,
    onWarning: (warning) => narrator.say(warning),
    onCase: (id) => bar.advance(id),
  });
  bar.done();
  narrator.end();
  const tables = [agreementTable(pairs, all), dscTable(pairs, all)];
  const record = { toleranceMm, raters: all, agreement: agreements(pairs, all), pairs };
  if (files) {
    await writeAtomic(files.csv, pairsCsv(pairs));
    await writeAtomic(files.json, `${JSON.stringify(record, null, 2)}\n`);
    const pictured = leastAlike(pairs).map((id) => cases.find((rated) => rated.id === id)!);
    const onNoPicture = (id: string, why: string): void => narrator.say(`no picture of ${id}: ${why}`);
    const picture = source ? await ratersPicture(all, source, pictured, { labels, onNoPicture }) : "";
    if (picture !== "") await writeAtomic(files.picture, picture);
    const page = {
      title: "Agreement of raters",
      findings: [],
      tables,
      boxes: metricsOf(pairs).map((name) => boxesOf(pairs, all, metricOf(name))),
      pictures:
        picture === ""
          ? []
          : [{ title: PICTURE_TITLE, type: "image/svg+xml" as const, bytes: new TextEncoder().encode(picture) }],
      notes: [
        `SDSC at ${toleranceMm} mm`,
        "each pair of raters and case is one value; CV is σ / μ of a rater's values",
      ],
    };
    await writeAtomic(files.page, experimentPage(page, await plotDocument()));
    narrator.say(`written: ${files.page}, raters.csv, raters.json`);
  }
  process.stdout.write(flags.json ? `${JSON.stringify(record, null, 2)}\n` : `${tables.map(tableText).join("\n\n")}\n`);
}

const PICTURE_TITLE = "The cases about which the raters agree least";
const PICTURED = 6;

/** "R1=folder", or a folder, whose own name is the rater's then; a name holds no "/". Throws CommandError. */
function ratersOf(args: readonly string[]): Rater[] {
  const all = args.map((text) => {
    const [, name, folder] = /^([^=/\\]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || folder === undefined) return { name: basename(resolve(text)), folder: text };
    if (folder === "") throw new CommandError("usage", `${text}: name a folder behind "="`);
    return { name, folder };
  });
  if (all.length < 2) throw new CommandError("usage", "name the folders of two raters or more");
  const twice = all.find(({ name }, i) => all.findIndex((other) => other.name === name) !== i);
  if (twice) throw new CommandError("usage", `two raters are called ${twice.name}; give names, as R1=${twice.folder}`);
  return all;
}

/** The files of an output folder. Throws FileError where one is there already. */
async function filesIn(folder: string): Promise<{ csv: string; json: string; page: string; picture: string }> {
  const at = (name: string): string => join(folder, name);
  const files = { csv: at("raters.csv"), json: at("raters.json"), page: at("report.html"), picture: at("raters.svg") };
  for (const file of Object.values(files)) await refuseOverwrite(file, "choose another folder");
  return files;
}

const metricsOf = (pairs: readonly PairScores[]): string[] => [
  ...new Set(pairs.flatMap(({ scores }) => Object.keys(scores))),
];

const agreements = (pairs: readonly PairScores[], all: readonly Rater[]): Record<string, unknown> =>
  Object.fromEntries(metricsOf(pairs).map((metric) => [metric, agreementOf(pairs, namesOf(all), metric)]));
const namesOf = (all: readonly Rater[]): string[] => all.map(({ name }) => name);
const text = (value: number, digits: number): string => (Number.isNaN(value) ? "–" : value.toFixed(digits));

/** As Table IV has it: a column a rater, the metrics and then their coefficients of variation. */
function agreementTable(pairs: readonly PairScores[], all: readonly Rater[]): Table {
  const found = metricsOf(pairs).map((name) => ({ ...metricOf(name), values: agreementOf(pairs, namesOf(all), name) }));
  return {
    title: "Each rater against all others",
    head: ["", "metric", ...namesOf(all)],
    groups: [
      {
        name: "mean",
        rows: found.map(({ name, unit, digits, values }) => [
          unit === undefined ? name : `${name} ${unit}`,
          ...values.map(({ mean }) => text(mean, digits)),
        ]),
      },
      { name: "CV", rows: found.map(({ name, values }) => [name, ...values.map((v) => text(v.variation, 3))]) },
    ],
  };
}

/** The mean Dice of every two raters. */
function dscTable(pairs: readonly PairScores[], all: readonly Rater[]): Table {
  const [metric = "DSC"] = metricsOf(pairs).filter((name) => name === "DSC" || name === "DSC Avg.");
  const meanOf = (a: string, b: string): string => {
    const both = pairs.filter(({ raters: of }) => of.includes(a) && of.includes(b));
    return a === b ? "" : text(summarize(both.map(({ scores }) => scores[metric] ?? NaN)).mean, 3);
  };
  const rows = all.map(({ name }) => [name, ...all.map((other) => meanOf(name, other.name))]);
  return { title: `${metric} of every two raters`, head: ["", "", ...namesOf(all)], groups: [{ name: "", rows }] };
}

const boxesOf = (pairs: readonly PairScores[], all: readonly Rater[], metric: Metric): Boxes => ({
  title: `${metric.name} of each rater against all others`,
  metric: axisLabel(metric),
  groups: all.map(({ name }) => ({
    name,
    values: pairs.filter(({ raters: of }) => of.includes(name)).map(({ scores }) => scores[metric.name] ?? NaN),
  })),
  range: metric.range,
});

const pairsCsv = (pairs: readonly PairScores[]): string =>
  csv([
    ["case", "rater", "other", ...metricsOf(pairs)],
    ...pairs.map(({ case: id, raters: [a, b], scores }) => [
      id,
      a,
      b,
      ...metricsOf(pairs).map((m) => scores[m] ?? null),
    ]),
  ]);

/** Cases in the order of their mean Dice over all pairs, the lowest first; a few. */
function leastAlike(pairs: readonly PairScores[]): string[] {
  const ids = [...new Set(pairs.map((pair) => pair.case))];
  const meanOf = (id: string): number => {
    const scores = pairs.filter((pair) => pair.case === id).map((pair) => pair.scores);
    const { mean } = summarize(scores.map(({ DSC, "DSC Avg.": average }) => DSC ?? average ?? NaN));
    return Number.isNaN(mean) ? 1 : mean;
  };
  return ids.toSorted((a, b) => meanOf(a) - meanOf(b)).slice(0, PICTURED);
}
