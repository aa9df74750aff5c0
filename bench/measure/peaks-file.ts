// Where peaks are kept between runs: they are a device's, not a run's. One JSON beside what `cmedl tune` found.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeAtomic } from "../../node/files.ts";
import { tuningFile } from "../../node/gpu/tuning-file.ts";
import type { Peaks } from "./peaks.ts";

export const peaksFile = (): string => join(dirname(tuningFile()), "peaks.json");

type Kept = Readonly<Record<string, Peaks>>;

const isPeaks = (v: unknown): v is Peaks => {
  const { gflops, gbs } = (v ?? {}) as Partial<Peaks>;
  return Number.isFinite(gflops) && gflops! > 0 && Number.isFinite(gbs) && gbs! > 0;
};

/** What is kept; nothing where the file is missing or no such file: peaks can be measured again. */
async function readKept(): Promise<Kept> {
  try {
    const kept = JSON.parse(await readFile(peaksFile(), "utf8")) as Kept;
    return Object.fromEntries(Object.entries(kept).filter(([, peaks]) => isPeaks(peaks)));
  } catch {
    return {};
  }
}

/**
 * The peaks of an adapter and its driver by a clock, as they were kept; else, or where `again`, as `measure` finds
 * them, which are then kept. Throws FileError.
 */
export async function keptPeaks(
  { adapter, clock, again = false }: { adapter: string; clock: string; again?: boolean },
  measure: () => Promise<Peaks>,
): Promise<{ peaks: Peaks; isNew: boolean }> {
  const key = `${adapter} | ${clock}`;
  const known = again ? undefined : (await readKept())[key];
  if (known) return { peaks: known, isNew: false };
  const peaks = await measure();
  await writeAtomic(peaksFile(), `${JSON.stringify({ ...(await readKept()), [key]: peaks }, null, 1)}\n`);
  return { peaks, isNew: true };
}
