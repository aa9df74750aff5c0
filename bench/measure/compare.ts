// Whether a run is slower than an earlier one beyond noise.
import type { Report, Row } from "../say/report.ts";

/** A median may grow by this much. */
const TOLERANCE = 1.15;

export interface Comparison {
  readonly name: string;
  /** New median over old. */
  readonly ratio?: number;
  readonly verdict: "slower" | "faster" | "same" | "noisy" | "broken" | "not comparable";
}

/**
 * Slower: the new median is above 1.15 × the old median and above the old p90, and the old median is below the new
 * p10: the bulks of the samples are apart. Faster: the same with old and new exchanged. Broken: it had a time and has
 * none.
 */
export function compareRows(old: Row, now: Row): Comparison {
  const { name } = now;
  if (old.ms && !now.ms) return { name, verdict: "broken" };
  if (!old.ms || !now.ms || old.clock !== now.clock) return { name, verdict: "not comparable" };
  const apart = (slow: NonNullable<Row["ms"]>, fast: NonNullable<Row["ms"]>): boolean =>
    slow.median > TOLERANCE * fast.median && slow.median > fast.p90 && fast.median < slow.p10;
  return {
    name,
    ratio: now.ms.median / old.ms.median,
    verdict: apart(now.ms, old.ms) ? "slower" : apart(old.ms, now.ms) ? "faster" : "same",
  };
}

/** With so many processes for each core others took part of the machine: two runs then met two machines. */
const BUSY = 2;
const isBusy = ({ load = 0 }: Pick<Report, "load">): boolean => load > BUSY;

/**
 * Rows of both runs by name, noisy where either run was on a busy machine; throws where the adapters differ, for then
 * nothing can be compared.
 */
export function compareReports(old: Report, now: Report): Comparison[] {
  if (old.adapter !== now.adapter)
    throw new Error(
      `the file was measured on ${old.adapter}, this run on ${now.adapter}; times compare on one adapter only`,
    );
  const known = new Map(old.rows.map((r) => [r.name, r]));
  return now.rows.flatMap((row) => {
    const before = known.get(row.name);
    if (!before) return [];
    const compared = compareRows(before, row);
    const isDoubtful = (isBusy(old) || isBusy(now)) && (compared.verdict === "slower" || compared.verdict === "faster");
    return [isDoubtful ? { ...compared, verdict: "noisy" } : compared];
  });
}

export const isRegression = ({ verdict }: Comparison): boolean => verdict === "slower" || verdict === "broken";
