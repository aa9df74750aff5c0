// A run's results, and a network's timeline, as markdown.
import { BESIDE_HEADS, besideCells, besideMean } from "./beside.ts";
import { ROW_HEADS, aboveRoofline, againstCell, measuredBy, optional, rowCells } from "./cells.ts";
import type { Report } from "./report.ts";
import { type Timeline, byKernel, reconciled } from "../../lab/timeline.ts";
import { layerTree, treeText } from "../../lab/tree.ts";

/** A table; the first column is text, the others are numbers. A "|" in a cell is escaped. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

export function reportMarkdown(report: Report): string {
  const { adapter, software, date, command, host, rows } = report;
  if (report.beside !== undefined) return besideMarkdown(report);
  const isAgainst = rows.some((row) => row.against);
  return [
    `**${command}** on ${adapter}${software ? " (a software renderer, no GPU)" : ""}, ${date}`,
    `${host}. ${measuredBy(report)}`,
    ...[aboveRoofline(rows) ?? []].flat(),
    markdownTable(
      isAgainst ? [...ROW_HEADS, "against the first"] : ROW_HEADS,
      rows.map((row) => [
        ...(row.ms ? rowCells(row) : [row.name, `wrong: ${row.wrong}`, ...ROW_HEADS.slice(2).map(() => "")]),
        ...(isAgainst ? [againstCell(row)] : []),
      ]),
    ),
    "",
  ].join("\n\n");
}

/** The rows of ours beside PyTorch's. */
const besideMarkdown = ({ adapter, date, command, host, beside, load, rows }: Report): string =>
  [
    `**${command}** on ${adapter}, beside ${beside}, ${date}`,
    `${host}.${load === undefined ? "" : ` Load at the end: ${load} processes a core.`} ${besideMean(rows) ?? ""}`.trim(),
    markdownTable(BESIDE_HEADS, besideCells(rows)),
    "",
  ].join("\n\n");

/** The columns of kernels' shares, and what a kernel has in them. */
export const SHARE_HEADS = ["kernel", "µs", "share %", "launches", "GFLOP/s", "GB/s"] as const;
export const shareCells = ({ kernel, timeUs, share, launches, flops, bytes }: ReturnType<typeof byKernel>[number]) => [
  kernel,
  optional(timeUs, (t) => t.toFixed(0)),
  optional(share, (s) => (100 * s).toFixed(1)),
  `${launches}`,
  optional(timeUs && flops / timeUs / 1e3),
  optional(timeUs && bytes / timeUs / 1e3),
];

/** Levels of layers that markdown tells. */
const TOLD_LEVELS = 3;

/** Shares by kernel and by layer, and every stage as the engine explains it. */
export function timelineMarkdown(timeline: Timeline): string {
  const { name, adapter, software, date, host, table } = timeline;
  return [
    `**${name}** on ${adapter}${software ? " (a software renderer, no GPU)" : ""}, ${date}`,
    `${host}. ${reconciled(timeline).join(" ")}`,
    markdownTable(SHARE_HEADS, byKernel(timeline).map(shareCells)),
    `\`\`\`text\n${treeText(layerTree(timeline), TOLD_LEVELS)}\n\`\`\``,
    `\`\`\`text\n${table}\n\`\`\``,
    "",
  ].join("\n\n");
}
