// `mpirun -n K cmedl train …`: each of the K processes is one rank of one training.
import type { Command } from "commander";
import type { Device } from "../engine/index.ts";
import { CommandError } from "../node/errors.ts";
import { Narrator } from "../node/narrator.ts";
import { adapterOfRank } from "../node/parallel/adapter.ts";
import { launchOf } from "../node/parallel/launcher.ts";
import { MpiRanks } from "../node/parallel/mpi.ts";
import type { RunSets } from "../node/run/sets.ts";
import { type TrainRunOptions, followRun } from "../node/run/train.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { COMPRESSIONS, type Compression, type Sharing, partOf } from "../train/ranks.ts";
import { exitOf } from "./exit.ts";

export interface RankFlags {
  compress?: string;
}

/** Adds --compress; the command again. */
export const addRankFlags = (command: Command): Command =>
  command.option("--compress <how>", "under mpirun: send gradients as f16, which halves their bytes (none)");

/** How the ranks that a command runs on share a step, and their places on this machine. */
export interface RankedJob extends Sharing {
  readonly ranks: MpiRanks;
}

/** A rank that failed waits so long for the others to fail too, before it ends them. */
const FAREWELL_SECONDS = 5;
/** What ends all ranks together: they wait for the slowest, which may have files to write; a silent one is heard of. */
const TOGETHER: readonly unknown[] = ["interrupted", "numerical"];
const A_DAY = 86_400;

/**
 * Does `work`: as a rank where a launcher of MPI started this process with others, by itself where none did. An error
 * that ends every rank is reported by rank 0 alone; a rank that fails alone, or is silent for two minutes, ends the
 * job.
 */
export async function asRank(
  { compress }: RankFlags,
  work: (job: RankedJob | undefined) => Promise<void>,
): Promise<void> {
  const how = compressionOf(compress);
  const launch = launchOf();
  if (!launch) {
    if (compress !== undefined)
      throw new CommandError("usage", "--compress is for several processes: start them by mpirun -n K");
    return work(undefined);
  }
  const ranks = await MpiRanks.join(launch);
  try {
    await work({ ranks, compress: how });
  } catch (error) {
    const { exitCode, sentence } = exitOf(error);
    const isTogether = TOGETHER.includes((error as { code?: unknown }).code);
    if (!(await ranks.allEnd(isTogether ? A_DAY : FAREWELL_SECONDS))) {
      process.stderr.write(`cmedl: rank ${ranks.rank}: ${sentence}\n`);
      ranks.abort(exitCode);
    }
    ranks.leave();
    // The launcher would end rank 0, which has yet to tell why, for another's exit code.
    if (ranks.rank === 0) throw error;
    return;
  }
  await ranks.allEnd(A_DAY);
  ranks.leave();
}

/** From now on a rank that falls silent ends the job: what is saved is whole, and the run goes on from there. */
export function endWithSilentRank({ ranks }: RankedJob, run: string): void {
  ranks.watch((silent) => {
    process.stderr.write(
      `cmedl: rank ${silent} of ${ranks.size} is silent: the job ends; go on with \`cmedl train --resume ${run}\`\n`,
    );
    ranks.abort(1);
  });
}

/** Whether this process writes and speaks: it is rank 0, or alone. */
export const isFirst = (job: RankedJob | undefined): boolean => !job || job.ranks.rank === 0;

export const narratorOf = ({ quiet }: { readonly quiet?: boolean }, job: RankedJob | undefined): Narrator =>
  new Narrator({ quiet: quiet || !isFirst(job) });

/** Throws UsageError where the ranks do not divide the batch, CommandError for what takes one process. */
export function checkRanks(
  { optimization }: TrainConfig,
  { debugNans }: { readonly debugNans?: boolean },
  job: RankedJob | undefined,
): void {
  if (!job) return;
  partOf(optimization.batch, job.ranks);
  if (debugNans) throw new CommandError("usage", "--debug-nans watches one process: leave mpirun out");
}

/** What `read` gives; rank 0 reads first, so that the others find what it kept on disk. */
export async function firstAlone<T>(job: RankedJob | undefined, read: () => Promise<T>): Promise<T> {
  if (!job) return read();
  const early = isFirst(job) ? await read() : undefined;
  await job.ranks.sum(Float32Array.of(0));
  return early ?? read();
}

/** The adapter of this rank: `asked`, or one of the machine's by its place there. */
export async function deviceOf(
  asked: string | undefined,
  job: RankedJob | undefined,
  narrator: Narrator,
): Promise<string | undefined> {
  if (!job || asked !== undefined || process.env.CMEDL_DEVICE) return asked;
  const { device, warning } = await adapterOfRank(job.ranks.localRank);
  if (warning !== undefined) narrator.say(warning);
  return device;
}

/** Trains as a rank other than 0. */
export async function follow(
  device: Device,
  config: TrainConfig,
  sets: RunSets,
  narrator: Narrator,
  options: { readonly sharing: RankedJob; readonly from?: TrainRunOptions["from"] },
  run: string,
): Promise<void> {
  await followRun(device, config, sets, narrator, {
    ...options,
    onMet: () => endWithSilentRank(options.sharing, run),
  });
}

function compressionOf(word = "none"): Compression {
  const found = COMPRESSIONS.find((known) => known === word);
  if (found) return found;
  throw new CommandError("usage", `--compress ${word}: give ${COMPRESSIONS.join(" or ")}`);
}
