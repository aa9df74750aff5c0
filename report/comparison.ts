// Methods compared on the same cases, as the paper's tables do it: mean ± standard deviation, the best of a group,
// and a paired test of each method against the group's reference.
import { type Summary, summarize } from "../metrics/summary.ts";
import { fewestPairs, wilcoxon } from "../metrics/wilcoxon.ts";
import { type Table, csv } from "./table.ts";

export interface Metric {
  readonly name: string;
  readonly unit?: string;
  readonly digits: number;
  readonly better: "higher" | "lower";
  /** Where its values lie, if both ends are worth showing: charts then have this axis, else what the values fill. */
  readonly range?: readonly [least: number, greatest: number];
}

/** The value of a case that says which part of its voxels was segmented: no metric. */
export const SEGMENTED = "segmented";

/** The metrics that cases have, in the order in which they come. */
export const metricNames = (cases: Readonly<Record<string, CaseValues>>): string[] =>
  [...new Set(Object.values(cases).flatMap((values) => Object.keys(values)))].filter((name) => name !== SEGMENTED);

/** How a metric of cases is shown, by its name: "DSC", or "HD95 LV" of one structure among several. */
export function metricOf(name: string): Metric {
  const kind = kindOf(name);
  if (kind === "HD95") return { name, unit: "mm", digits: 2, better: "lower" };
  if (kind === "PSNR") return { name, unit: "dB", digits: 2, better: "higher" };
  if (kind === "KL") return { name, unit: "nats", digits: 3, better: "lower" };
  // It may be negative, down to −1, but seldom is.
  if (kind === "SSIM") return { name, digits: 3, better: "higher" };
  return { name, digits: 3, better: "higher", range: [0, 1] };
}

/** What is measured, whichever structure it is of: "DSC" of "DSC LV" and of "DSC Avg.". */
export const kindOf = (metric: string): string => metric.split(" ")[0]!;

/** What an axis of a metric's values says. */
export const axisLabel = ({ name, unit }: Metric): string => (unit === undefined ? name : `${name} in ${unit}`);

/** Whether cases were scored by masks; of pseudo images they have KL, SSIM and PSNR. */
export const areOfMasks = (cases: Readonly<Record<string, CaseValues>>): boolean =>
  metricNames(cases).some((name) => kindOf(name) === "DSC");

/** Values of one case by metric; null or NaN where undefined. */
export type CaseValues = Readonly<Record<string, number | null>>;

export interface Method {
  /** What it is compared within: a network. */
  readonly group: string;
  readonly name: string;
  readonly cases: Readonly<Record<string, CaseValues>>;
  /** False where all its masks are worth nothing: it is marked, and nothing is tested with it. */
  readonly learned?: boolean;
  /** What someone else found, by metric. */
  readonly elsewhere?: Readonly<Record<string, string | null>>;
}

export interface Cell {
  readonly mean: number;
  readonly std: number;
  readonly n: number;
  readonly best: boolean;
  /**
   * p of the two-sided paired Wilcoxon test against the reference, on the cases that both have; NaN for the reference
   * itself.
   */
  readonly p: number;
}

export interface Compared {
  readonly group: string;
  readonly name: string;
  readonly learned: boolean;
  readonly cells: readonly Cell[];
  readonly elsewhere?: Method["elsewhere"];
}

export const LEVEL = 0.05;

/** Mean of several runs' values, case by case. Runs with other seeds are no more cases: n stays the number of cases. */
export function meanOfRuns(runs: readonly Method["cases"][]): Method["cases"] {
  const ids = [...new Set(runs.flatMap((run) => Object.keys(run)))];
  return Object.fromEntries(
    ids.map((id) => {
      const found = runs.map((run) => run[id]).filter((values) => values !== undefined);
      const names = Object.keys(found[0] ?? {});
      return [id, Object.fromEntries(names.map((name) => [name, summarize(found.map((v) => v[name] ?? NaN)).mean]))];
    }),
  );
}

/** Summaries, best values and tests. Methods without cases (not trained yet) have empty cells. */
export function compareMethods(methods: readonly Method[], metrics: readonly Metric[], reference: string): Compared[] {
  return methods.map((method) => {
    const group = methods.filter((m) => m.group === method.group);
    const { name, elsewhere, learned = true } = method;
    const other = group.find((m) => m.name === reference);
    const against = other === method || !learned || other?.learned === false ? undefined : other;
    const cells = metrics.map((metric) => cellOf(method, metric, group, against));
    return { group: method.group, name, elsewhere, learned, cells };
  });
}

/** A metric's value by case; NaN where undefined. */
const valuesOf = ({ cases }: Method, { name }: Metric): Map<string, number> =>
  new Map(Object.entries(cases).map(([id, v]) => [id, v[name] ?? NaN]));
const summaryOf = (method: Method, metric: Metric): Summary => summarize([...valuesOf(method, metric).values()]);

/** One method's summary, whether it is the best of its group, and its test against `reference`, if there is one. */
function cellOf(method: Method, metric: Metric, group: readonly Method[], reference: Method | undefined): Cell {
  const summary = summaryOf(method, metric);
  const means = group.map((m) => summaryOf(m, metric).mean).filter((v) => !Number.isNaN(v));
  const top = metric.better === "higher" ? Math.max(...means) : Math.min(...means);
  const best = new Set(means).size > 1 && summary.mean === top;
  return { ...summary, best, p: reference ? pairedP(valuesOf(method, metric), valuesOf(reference, metric)) : NaN };
}

/** p of the two-sided paired Wilcoxon test on the cases that both have; NaN where there are none. */
function pairedP(own: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
  const pairs = [...own].flatMap(([id, value]): [number, number][] => {
    const against = other.get(id);
    return against === undefined ? [] : [[value, against]];
  });
  if (pairs.length === 0) return NaN;
  return wilcoxon(
    pairs.map(([value]) => value),
    pairs.map(([, against]) => against),
  ).p;
}

const headOf = (m: Metric): string => `${m.name}${m.unit ? ` ${m.unit}` : ""} ${m.better === "higher" ? "↑" : "↓"}`;

function pText(p: number): string {
  if (Number.isNaN(p)) return "";
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

/** "0.701 ± 0.102*•": * where it differs from the reference, • where it is the best; spaces keep the columns. */
function valueText({ mean, std, best, p }: Cell, digits: number): string {
  if (Number.isNaN(mean)) return "–";
  const deviation = Number.isNaN(std) ? "" : ` ± ${std.toFixed(digits)}`;
  return mean.toFixed(digits) + deviation + (p < LEVEL ? "*" : " ") + (best ? "•" : " ");
}

const isTested = (compared: readonly Compared[]): boolean =>
  compared.some((c) => c.cells.some((cell) => !Number.isNaN(cell.p)));
const mostCases = ({ cells }: Compared): number => Math.max(0, ...cells.map((cell) => cell.n));

/** The comparison as tables: results, p values, and what was found elsewhere, each where there is something to show. */
export function comparisonTables(
  title: string,
  compared: readonly Compared[],
  metrics: readonly Metric[],
  { reference, elsewhere = "" }: { reference: string; elsewhere?: string },
): Table[] {
  // Methods of one unnamed group have no network to name.
  const network = compared.some((c) => c.group !== "") ? "Network" : "";
  const table = (name: string, head: readonly string[], rowOf: (c: Compared) => readonly string[]): Table => ({
    title: name,
    head: [network, "Method", ...head],
    groups: [...new Set(compared.map((c) => c.group))].map((group) => ({
      name: group,
      rows: compared.filter((c) => c.group === group).map((c) => [`${c.name}${c.learned ? "" : " †"}`, ...rowOf(c)]),
    })),
  });
  const tables = [
    table(title, [...metrics.map(headOf), "n"], (c) => [
      ...c.cells.map((cell, i) => valueText(cell, metrics[i]!.digits)),
      String(mostCases(c)),
    ]),
  ];
  if (isTested(compared)) {
    const names = metrics.map((m) => m.name);
    const pRow = (c: Compared): string[] =>
      c.name === reference ? metrics.map(() => "–") : c.cells.map((cell) => pText(cell.p));
    tables.push(table(`p against ${reference} (two-sided paired Wilcoxon signed-rank test)`, names, pRow));
  }
  const told = metrics.filter((m) => compared.some((c) => c.elsewhere?.[m.name]));
  if (told.length)
    tables.push(table(elsewhere, told.map(headOf), (c) => told.map((m) => c.elsewhere?.[m.name] ?? "–")));
  return tables;
}

/** What a reader of the tables must know. */
export function comparisonNotes(compared: readonly Compared[], reference: string): string[] {
  const n = Math.max(0, ...compared.flatMap((c) => c.cells.map((cell) => cell.n)));
  const least = fewestPairs(LEVEL);
  const tested = isTested(compared);
  const star = tested ? `; * differs from ${reference} with p < ${LEVEL}` : "";
  const best = compared.some((c) => c.group !== "") ? "best of its network" : "best";
  const notes = [`mean ± standard deviation over cases; • ${best}${star}`];
  if (compared.some((c) => !c.learned))
    notes.push("† learned nothing: Dice 0 for every case, or all of every case segmented; nothing is tested with it");
  if (compared.length > 1 && n > 0 && n < least) {
    const cases = `${n} case${n === 1 ? "" : "s"}`;
    notes.push(`with ${cases} no p can fall below ${LEVEL}: the test needs at least ${least}`);
  }
  return notes;
}

/** One line a method: mean, standard deviation, p of each metric, and n. */
export const comparisonCsv = (compared: readonly Compared[], metrics: readonly Metric[]): string =>
  csv([
    ["network", "method", ...metrics.flatMap((m) => [`${m.name} mean`, `${m.name} std`, `${m.name} p`]), "n"],
    ...compared.map((c) => [
      c.group,
      c.name,
      ...c.cells.flatMap((cell) => [cell.mean, cell.std, cell.p]),
      mostCases(c),
    ]),
  ]);
