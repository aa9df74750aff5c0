// `mpirun -n K cmedl train …`: each of the K processes is one rank of one training.
import type { Command } from "commander";
import { CommandError } from "../node/errors.ts";
import { Narrator } from "../node/narrator.ts";
import { adapterOfRank } from "../node/parallel/adapter.ts";
import { launchOf } from "../node/parallel/launcher.ts";
import { MpiRanks } from "../node/parallel/mpi.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { COMPRESSIONS, type Compression, type Sharing, partOf } from "../train/ranks.ts";
import { exitOf } from "./exit.ts";

export interface RankFlags {
  compress?: string;
}

/** Adds --compress; the command again. */
export const addRankFlags = (command: Command): Command =>
  command.option("--compress <how>", "under mpirun: send gradients as f16, which halves their bytes (none)");

/** How a rank shares a step with the others. */
interface RankedSharing extends Sharing {
  readonly ranks: MpiRanks;
}

/** This process's part in a training: all of it, or that of one rank among others. */
export class Rank {
  constructor(readonly sharing?: RankedSharing) {}

  /** Whether this process writes and speaks: it is rank 0, or alone. */
  get isFirst(): boolean {
    return !this.sharing || this.sharing.ranks.rank === 0;
  }

  narrator({ quiet }: { readonly quiet?: boolean }): Narrator {
    return new Narrator({ quiet: quiet || !this.isFirst });
  }

  /** Throws UsageError where the ranks do not divide the batch, CommandError for what takes one process. */
  check({ optimization }: TrainConfig, { debugNans }: { readonly debugNans?: boolean }): void {
    if (!this.sharing) return;
    partOf(optimization.batch, this.sharing.ranks);
    if (debugNans) throw new CommandError("usage", "--debug-nans watches one process: leave mpirun out");
  }

  /** What `read` gives; rank 0 reads first, so that the others find what it kept on disk. */
  async firstAlone<T>(read: () => Promise<T>): Promise<T> {
    if (!this.sharing) return read();
    const early = this.isFirst ? await read() : undefined;
    await this.sharing.ranks.sum(Float32Array.of(0));
    return early ?? read();
  }

  /** The adapter of this rank: `asked`, or one of the machine's by the rank's place there. */
  async device(asked: string | undefined, narrator: Narrator): Promise<string | undefined> {
    if (!this.sharing || asked !== undefined || process.env.CMEDL_DEVICE) return asked;
    const { device, warning } = await adapterOfRank(this.sharing.ranks.localRank);
    if (warning !== undefined) narrator.say(warning);
    return device;
  }

  /**
   * How this rank trains with the others; nothing where it is alone. Once all have compiled, one that falls silent ends
   * the job: what is saved of the run in the folder `run` is whole, and the run goes on from there.
   */
  training(run: string): { sharing?: Sharing; onMet?: () => void } {
    const { sharing } = this;
    return sharing ? { sharing, onMet: () => endWithSilentRank(sharing.ranks, run) } : {};
  }
}

function endWithSilentRank(ranks: MpiRanks, run: string): void {
  ranks.watch((silent) => {
    process.stderr.write(
      `cmedl: rank ${silent} of ${ranks.size} is silent: the job ends; go on with \`cmedl train --resume ${run}\`\n`,
    );
    ranks.abort(1);
  });
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
export async function asRank({ compress }: RankFlags, work: (rank: Rank) => Promise<void>): Promise<void> {
  const how = compressionOf(compress);
  const launch = launchOf();
  if (!launch) {
    if (compress !== undefined)
      throw new CommandError("usage", "--compress is for several processes: start them by mpirun -n K");
    return work(new Rank());
  }
  const ranks = await MpiRanks.join(launch);
  try {
    await work(new Rank({ ranks, compress: how }));
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

function compressionOf(word = "none"): Compression {
  const found = COMPRESSIONS.find((known) => known === word);
  if (found) return found;
  throw new CommandError("usage", `--compress ${word}: give ${COMPRESSIONS.join(" or ")}`);
}
