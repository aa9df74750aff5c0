// Who started this process: MPI's launchers tell each of their processes what it is in its environment.

/**
 * Implementations of MPI by what their binaries understand: Open MPI's, and MPICH's, which Intel MPI and others share.
 */
export type MpiKind = "open-mpi" | "mpich";

export interface Launch {
  readonly rank: number;
  readonly size: number;
  /** Among the processes of this machine. */
  readonly localRank: number;
  readonly kind: MpiKind;
}

/** The names of the variables: rank, size, and rank on this machine. */
const LAUNCHERS: readonly (readonly [MpiKind, rank: string, size: string, local: readonly string[]])[] = [
  ["open-mpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", ["OMPI_COMM_WORLD_LOCAL_RANK"]],
  ["mpich", "PMI_RANK", "PMI_SIZE", ["MPI_LOCALRANKID", "SLURM_LOCALID"]],
];

/** What a launcher says of this process; undefined where it is alone. */
export function launchOf(env: Readonly<Record<string, string | undefined>> = process.env): Launch | undefined {
  for (const [kind, rankName, sizeName, localNames] of LAUNCHERS) {
    const [rank, size] = [Number(env[rankName]), Number(env[sizeName])];
    if (!(size > 1 && rank >= 0)) continue;
    const local = localNames.map((name) => Number(env[name])).find((n) => n >= 0);
    return { rank, size, localRank: local ?? rank, kind };
  }
  return undefined;
}
