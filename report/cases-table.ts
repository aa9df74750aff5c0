// What a list of cases scored, as a table: a line a metric.
import { summarize } from "../metrics/summary.ts";
import { type CaseValues, metricNames, metricOf } from "./comparison.ts";
import type { Table } from "./table.ts";

/** Mean, standard deviation and number of cases of each metric, where it is defined. */
export function casesTable(title: string, cases: Readonly<Record<string, CaseValues>>): Table {
  const rows = metricNames(cases).map((metric) => {
    const { mean, std, n } = summarize(Object.values(cases).map((values) => values[metric] ?? NaN));
    const { digits } = metricOf(metric);
    const text = (v: number): string => (Number.isNaN(v) ? "–" : v.toFixed(digits));
    return [metric, text(mean), text(std), String(n)];
  });
  return { title, head: ["", "metric", "mean", "± std", "cases"], groups: [{ name: "", rows }] };
}
