// Methods compared on the same cases, as the paper's tables do it: mean ± standard deviation, the best of a group,
// and a paired test of each method against the group's reference.
import { summarize } from "../metrics/summary.ts";
import { fewestPairs, wilcoxon } from "../metrics/wilcoxon.ts";
import { type Table, csv } from "./table.ts";

export interface Metric {
  readonly name: string;
  readonly unit?: string;
  readonly digits: number;
  readonly better: "higher" | "lower";
}

/** Values of one case by metric; null or NaN where undefined. */
export type CaseValues = Readonly<Record<string, number | null>>;

export interface Method {
  /** What it is compared within: a network. */
  readonly group: string;
  readonly name: string;
  readonly cases: Readonly<Record<string, CaseValues>>;
  /** What someone else found, by metric. */
  readonly elsewhere?: Readonly<Record<string, string | null>>;
}

export interface Cell {
  readonly mean: number;
  readonly std: number;
  readonly n: number;
  readonly best: boolean;
  /**
   * Of the two-sided paired Wilcoxon test against the reference on the cases that both have; NaN for the reference
   * itself.
   */
  readonly p: number;
}

export interface Compared {
  readonly group: string;
  readonly name: string;
  readonly cells: readonly Cell[];
  readonly elsewhere?: Method["elsewhere"];
}

export const LEVEL = 0.05;

/** Mean of several runs' values, case by case: seeds are no cases, so that n stays the number of cases. */
export function meanOfRuns(runs: readonly Method["cases"][]): Method["cases"] {
  const ids = [...new Set(runs.flatMap((r) => Object.keys(r)))];
  return Object.fromEntries(
    ids.map((id) => {
      const found = runs.flatMap((r) => (id in r ? [r[id]] : []));
      return [
        id,
        Object.fromEntries(
          Object.keys(found[0]).map((name) => [name, summarize(found.map((v) => v[name] ?? NaN)).mean]),
        ),
      ];
    }),
  );
}

/** Summaries, best values and tests. Methods without cases (not trained yet) have empty cells. */
export function compareMethods(methods: readonly Method[], metrics: readonly Metric[], reference: string): Compared[] {
  const values = (m: Method, { name }: Metric): Map<string, number> =>
    new Map(Object.entries(m.cases).map(([id, v]) => [id, v[name] ?? NaN]));
  return methods.map((method) => {
    const group = methods.filter((m) => m.group === method.group);
    const other = group.find((m) => m.name === reference);
    return {
      group: method.group,
      name: method.name,
      elsewhere: method.elsewhere,
      cells: metrics.map((metric): Cell => {
        const own = values(method, metric);
        const summary = summarize([...own.values()]);
        const means = group.map((m) => summarize([...values(m, metric).values()]).mean).filter((v) => !Number.isNaN(v));
        const top = metric.better === "higher" ? Math.max(...means) : Math.min(...means);
        const ref = other && other !== method ? values(other, metric) : new Map<string, number>();
        const both = [...own.keys()].filter((id) => ref.has(id));
        return {
          ...summary,
          best: new Set(means).size > 1 && summary.mean === top,
          p: both.length
            ? wilcoxon(
                both.map((id) => own.get(id)!),
                both.map((id) => ref.get(id)!),
              ).p
            : NaN,
        };
      }),
    };
  });
}

const headOf = (m: Metric): string => `${m.name}${m.unit ? ` ${m.unit}` : ""} ${m.better === "higher" ? "↑" : "↓"}`;
const pText = (p: number): string => (Number.isNaN(p) ? "" : p < 0.001 ? "< 0.001" : p.toFixed(3));

/** The comparison as tables: results, p values, and what was found elsewhere, each where there is something to show. */
export function comparisonTables(
  title: string,
  compared: readonly Compared[],
  metrics: readonly Metric[],
  { reference, elsewhere = "" }: { reference: string; elsewhere?: string },
): Table[] {
  const table = (name: string, head: readonly string[], rowOf: (c: Compared) => readonly string[]): Table => ({
    title: name,
    head: ["Network", "Method", ...head],
    groups: [...new Set(compared.map((c) => c.group))].map((group) => ({
      name: group,
      rows: compared.filter((c) => c.group === group).map((c) => [c.name, ...rowOf(c)]),
    })),
  });
  const value = ({ mean, std, best, p }: Cell, { digits }: Metric): string =>
    Number.isNaN(mean)
      ? "–"
      : `${mean.toFixed(digits)}${Number.isNaN(std) ? "" : ` ± ${std.toFixed(digits)}`}${p < LEVEL ? "*" : " "}${best ? "•" : " "}`;
  const tables = [
    table(title, [...metrics.map(headOf), "n"], (c) => [
      ...c.cells.map((cell, i) => value(cell, metrics[i])),
      String(Math.max(...c.cells.map((cell) => cell.n))),
    ]),
  ];
  if (compared.some((c) => c.cells.some((cell) => !Number.isNaN(cell.p)))) {
    tables.push(
      table(
        `p against ${reference} (two-sided paired Wilcoxon signed-rank test)`,
        metrics.map((m) => m.name),
        (c) => (c.name === reference ? metrics.map(() => "–") : c.cells.map((cell) => pText(cell.p))),
      ),
    );
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
  const tested = compared.some((c) => c.cells.some((cell) => !Number.isNaN(cell.p)));
  return [
    `mean ± standard deviation over cases; • best of its network${tested ? `; * differs from ${reference} with p < ${LEVEL}` : ""}`,
    ...(tested && n < least
      ? [`with ${n} case${n === 1 ? "" : "s"} no p can fall below ${LEVEL}: the test needs at least ${least}`]
      : []),
  ];
}

/** One line a method: mean, standard deviation, p of each metric, and n. */
export const comparisonCsv = (compared: readonly Compared[], metrics: readonly Metric[]): string =>
  csv([
    ["network", "method", ...metrics.flatMap((m) => [`${m.name} mean`, `${m.name} std`, `${m.name} p`]), "n"],
    ...compared.map((c) => [
      c.group,
      c.name,
      ...c.cells.flatMap((cell) => [cell.mean, cell.std, cell.p]),
      Math.max(...c.cells.map((cell) => cell.n)),
    ]),
  ]);
