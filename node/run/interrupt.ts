// Ctrl-C during a run: the first ends it after the step at hand, the second ends the process.

export interface Interrupt {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Stops to listen. */
  stop(): void;
}

/**
 * Listens for SIGINT and SIGTERM, and for SIGUSR2 as a rank: of these Open MPI's mpirun hands on that alone. `say` hears
 * at the first what happens now.
 */
export function listenForInterrupt(say: (line: string) => void, isRank = false): Interrupt {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      process.stderr.write("\n");
      process.exit(130);
    }
    say("finishing this step, then saving; Ctrl-C again to stop at once");
    controller.abort();
  };
  const signals = isRank ? (["SIGINT", "SIGTERM", "SIGUSR2"] as const) : (["SIGINT", "SIGTERM"] as const);
  for (const name of signals) process.on(name, listener);
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of signals) process.off(name, listener);
    },
  };
}
