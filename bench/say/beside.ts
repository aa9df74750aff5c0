// Ours beside PyTorch on the same cores: a line a case, on a terminal and in markdown.
import { digits, geometricMean } from "../measure/statistics.ts";
import { againstCell, ratioCell } from "./cells.ts";
import type { Row } from "./report.ts";

/** What ends the names of both rows of a case. */
export const PYTORCH = " · pytorch";
export const BESIDE = " · beside pytorch";

export const BESIDE_HEADS = [
  "case",
  "PyTorch wall ms",
  "cmedl wall ms",
  "wall ratio",
  "PyTorch CPU ms",
  "cmedl CPU ms",
  "CPU ratio",
  "n",
] as const;

/** "695 (690–702)": median, p10 and p90. */
const times = (ms: Row["ms"]): string => (ms ? `${digits(ms.median)} (${digits(ms.p10)}–${digits(ms.p90)})` : "–");

/** Each row of ours with PyTorch's. */
function pairs(rows: readonly Row[]): { name: string; theirs: Row; ours: Row }[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return rows.flatMap((ours) => {
    if (!ours.name.endsWith(BESIDE)) return [];
    const name = ours.name.slice(0, -BESIDE.length);
    const theirs = byName.get(`${name}${PYTORCH}`);
    return theirs ? [{ name, theirs, ours }] : [];
  });
}

/** A case a line: times, and ours over PyTorch's with the interval of 99.5 %. */
export const besideCells = (rows: readonly Row[]): string[][] =>
  pairs(rows).map(({ name, theirs, ours }) =>
    ours.ms
      ? [
          name,
          times(theirs.ms),
          times(ours.ms),
          againstCell(ours),
          times(theirs.cpuMs),
          times(ours.cpuMs),
          ours.cpuAgainst ? ratioCell(ours.cpuAgainst) : "–",
          `${ours.ms.samples}`,
        ]
      : [name, ...BESIDE_HEADS.slice(1, -1).map(() => "–"), `✗ ${ours.wrong}`],
  );

/** "1.20× geometric mean of 6 cases by wall clock, 1.9× by processor time"; nothing of less than two cases. */
export function besideMean(rows: readonly Row[]): string | undefined {
  const all = pairs(rows).map(({ ours }) => ours);
  const [wall, cpu] = [all.flatMap((r) => r.against?.ratio ?? []), all.flatMap((r) => r.cpuAgainst?.ratio ?? [])];
  if (wall.length < 2) return undefined;
  const mean = (ratios: readonly number[]): string => `${geometricMean(ratios).toFixed(2)}×`;
  const byCpu = cpu.length === wall.length ? `, ${mean(cpu)} by processor time` : "";
  return `cmedl's time over PyTorch's: ${mean(wall)} geometric mean of ${wall.length} cases by wall clock${byCpu}`;
}
