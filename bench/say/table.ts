// Results as text: a line a case, so that it can be printed as it comes.
import type { Estimate } from "../../engine/index.ts";
import type { Comparison } from "../measure/compare.ts";
import { ROW_HEADS, againstCell, optional, rowCells } from "./cells.ts";
import type { Report, Row } from "./report.ts";
import { digits } from "../measure/statistics.ts";

const mega = (bytes: number | undefined): string => optional(bytes && bytes / 1e6);

/** Cells in columns: the first to the left, the rest to the right. */
export function columns(cells: readonly (readonly string[])[]): string[] {
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? "").length)));
  return cells.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

const WIDTHS = [44, 9, 15, 8, 7, 10, 10, 5, 5, 9, 9, 9, 8];
/** What a program is made of, behind its numbers. */
const HEADS = [...ROW_HEADS, "disp", "pipe", "planned", "peak MB", "first ms", "host µs"];
const line = (cells: readonly string[]): string =>
  cells
    .map((c, i) => (i === 0 ? c.padEnd(WIDTHS[i]!) : c.padStart(WIDTHS[i]!)))
    .join(" ")
    .trimEnd();

export const head = (): string => line(HEADS);

export function rowLine(row: Row): string {
  const { name, ms, wrong, dispatches, pipelines, plannedBytes, peakBytes, firstMs, hostUsPerDispatch } = row;
  if (!ms) return `${name.padEnd(WIDTHS[0]!)} WRONG: ${wrong}`;
  return line([
    ...rowCells(row),
    optional(dispatches, String),
    optional(pipelines, String),
    mega(plannedBytes),
    mega(peakBytes),
    optional(firstMs),
    optional(hostUsPerDispatch),
  ]);
}

/** Rows that are compared with the first of them; what is wrong below. */
export function contestLines(rows: readonly Row[]): string[] {
  const timed = rows.filter((row) => row.ms);
  const table = columns([
    [...ROW_HEADS, "n", "against the first"],
    ...timed.map((row) => [...rowCells(row), `${row.ms!.samples}`, againstCell(row) || "–"]),
  ]);
  const wrong = rows.filter((row) => !row.ms).map(({ name, wrong }) => `${name}  WRONG: ${wrong}`);
  return [...(timed.length > 0 ? table : []), ...wrong];
}

/** What a program would take; or the least bytes of activations that were reached, where the budget was too small. */
export interface Planned {
  readonly name: string;
  readonly estimate?: Estimate;
  readonly least?: number;
}

/** What programs would take, one a line. */
export function planLines(all: readonly Planned[]): string[] {
  const giga = (n: number): string => (n / 1e9).toFixed(3);
  return columns([
    [
      "case",
      "activations GB",
      "at least",
      "variables GB",
      "TFLOP",
      "× where all is kept",
      "disp",
      "pipe",
      "heaviest dispatch",
    ],
    ...all.map(({ name, estimate: e, least }) =>
      e
        ? [
            name,
            giga(e.activationBytes),
            giga(e.lowerBoundBytes),
            giga(e.variableBytes),
            (e.flops / 1e12).toFixed(3),
            e.flopsRatio.toFixed(3),
            `${e.dispatches}`,
            `${e.pipelines}`,
            `${(e.heaviest.flops / 1e9).toFixed(1)} GFLOP, ${e.heaviest.label}`,
          ]
        : [name, `over: ${giga(least!)}`, "", "", "", "", "", "", ""],
    ),
  ]);
}

/** Those that changed beyond noise, the worst first. */
export function comparisonLines(all: readonly Comparison[]): string[] {
  const changed = all
    .filter((c) => c.verdict === "slower" || c.verdict === "faster" || c.verdict === "broken")
    .sort((a, b) => (b.ratio ?? Infinity) - (a.ratio ?? Infinity));
  const same = all.filter((c) => c.verdict === "same").length;
  const noisy = all.filter((c) => c.verdict === "noisy").length;
  return [
    ...columns([
      ["case", "now / before", ""],
      ...changed.map((c) => [c.name, c.ratio ? `${c.ratio.toFixed(2)}×` : "–", c.verdict]),
    ]),
    `${same} of ${all.length} the same within noise`,
    ...(noisy === 0
      ? []
      : [
          `${noisy} changed, but the machine was busy in one of the runs: --against COMMIT measures both builds in turn`,
        ]),
  ];
}

/** Our times beside another engine's, by name: how many times slower the other is. */
export function sideBySide(ours: Report, other: Report): string[] {
  const theirs = new Map(other.rows.map((r) => [r.name, r]));
  const rows = ours.rows.flatMap((r) => {
    const t = theirs.get(r.name);
    return t
      ? [
          [
            r.name,
            r.ms ? digits(r.ms.median) : "WRONG",
            t.ms ? digits(t.ms.median) : (t.wrong ?? "–"),
            r.ms && t.ms ? `${(t.ms.median / r.ms.median).toFixed(2)}×` : "–",
          ],
        ]
      : [];
  });
  return columns([["case", "cmedl ms", `${other.engine} ms`, "ratio"], ...rows]);
}
