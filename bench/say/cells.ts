// A case's numbers as cells: what tables on a terminal, in markdown and on a page have in common.
import { digits } from "../measure/statistics.ts";
import type { Ratio } from "../../lab/measure/verdict.ts";
import type { Report, Row } from "./report.ts";

/** "–" for what is absent, not finite or nothing. */
export const optional = (v: number | undefined, show: (v: number) => string = digits): string =>
  v === undefined || !Number.isFinite(v) || v === 0 ? "–" : show(v);

/** The columns of a case's numbers, and what a row has in them. */
export const ROW_HEADS = ["case", "median ms", "p10–p90 ms", "GFLOP/s", "GB/s", "% roofline", "bound by"] as const;
export function rowCells({ name, ms, flops = 0, bytes = 0, ofPeak, bound }: Row): string[] {
  if (!ms) return [name];
  return [
    name,
    digits(ms.median),
    `${digits(ms.p10)}–${digits(ms.p90)}`,
    optional(flops / ms.median / 1e6),
    optional(bytes / ms.median / 1e6),
    optional(ofPeak, (p) => `${(100 * p).toFixed(p < 0.1 ? 1 : 0)}${p > 1 ? " !" : ""}`),
    bound ?? "–",
  ];
}

/** "1.10× [1.07–1.13]": times over those of the first, and the interval. */
export function ratioCell({ ratio, low, high }: Ratio): string {
  const interval = high === Infinity ? "too few rounds" : `${low.toFixed(2)}–${high.toFixed(2)}`;
  return `${ratio.toFixed(2)}× [${interval}]`;
}

/** The same with the verdict. */
export const againstCell = ({ against }: Row): string => (against ? `${ratioCell(against)} ${against.verdict}` : "");

const CLOCKS: Readonly<Record<Row["clock"], string>> = {
  gpu: "GPU timestamps",
  cpu: "processor time of the driver's threads",
  wall: "wall clock, submit and answer included",
};

/** What the peaks were, and by which clock the rows were timed. */
export function measuredBy({ peaks, rows }: Pick<Report, "peaks" | "rows">): string {
  const clock = rows.find(({ clock }) => clock !== "wall")?.clock ?? "wall";
  const timed = rows.some(({ ms }) => ms) ? ` Kernels timed by ${CLOCKS[clock]}.` : "";
  return `Peaks: ${peaks ? peaksLine(peaks) : "not measured"}.${timed}`;
}

/** "41.2 GFLOP/s of fused multiply–adds (nine of ten runs reached 97 %), 9.1 GB/s of a copy (95 %)". */
function peaksLine({ gflops, gbs, least }: NonNullable<Report["peaks"]>): string {
  const share = (v: number | undefined, words: string): string =>
    v === undefined ? "" : ` (${words}${(100 * v).toFixed(0)} %)`;
  return (
    `${digits(gflops)} GFLOP/s of fused multiply–adds${share(least?.gflops, "nine of ten runs reached ")}, ` +
    `${digits(gbs)} GB/s of a copy${share(least?.gbs, "")}`
  );
}

/** What is to be thought of rows above the roofline, if there are any. */
export const aboveRoofline = (rows: readonly Row[]): string | undefined =>
  rows.some(({ ofPeak = 0 }) => ofPeak > 1)
    ? "Above 100 % of the roofline: the peaks were measured while the device was busy or slow, a cache held the " +
      "operands, or Winograd did with fewer multiplications than are counted. Measure the peaks again."
    : undefined;
