// What the ranks of a run make sure of before its first step.
import { createHash } from "node:crypto";
import type { Training } from "../../train/loop.ts";
import { type Sharing, requireAlike } from "../../train/ranks.ts";

/**
 * Waits until every rank has compiled, and tells what they will exchange. Throws UsageError where they are about to
 * train different things.
 */
export async function meetRanks(
  { options, progress, stepPrograms }: Training,
  { ranks, compress = "none" }: Sharing,
): Promise<string> {
  const { sums, rounds } = stepPrograms.exchanges;
  const seen = JSON.stringify([options.config, progress.steps, compress, sums]);
  const what = "configuration, step, or program: give every rank the same command, folders and kind of GPU";
  await requireAlike(ranks, createHash("sha256").update(seen).digest().readUInt32LE(0), what);
  const bytes = sums.reduce((n, { count, isGradient }) => n + count * (isGradient && compress === "f16" ? 2 : 4), 0);
  return (
    `${ranks.size} ranks: each step sums ${(bytes / 1e6).toPrecision(3)} MB over them, ` +
    `in ${sums.length} messages between which it waits ${rounds} times`
  );
}
