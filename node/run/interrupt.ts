// Ctrl-C during a run: the first ends it after the step at hand, the second ends the process.

export interface Interrupt {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Stops to listen. */
  stop(): void;
}

/**
 * Listens for SIGINT and SIGTERM, and for SIGUSR2 as a rank: of these Open MPI's mpirun hands on that alone. `say`
 * hears at the first what happens now.
 */
export function listenForInterrupt(say: (line: string) => void, isRank = false): Interrupt {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      process.stderr.write("\n");
      endAtOnce();
      return;
    }
    say("finishing this step, then saving; Ctrl-C again to stop at once");
    controller.abort();
  };
  const signals = isRank ? (["SIGINT", "SIGTERM", "SIGUSR2"] as const) : (["SIGINT", "SIGTERM"] as const);
  const stop = (): void => {
    for (const name of signals) process.off(name, listener);
  };
  // As a signal ends a process that does not listen, which shells tell as 130: one that exits by itself while its
  // driver compiles may crash there.
  const endAtOnce = (): void => {
    stop();
    if (process.platform === "win32") process.exit(130);
    process.removeAllListeners("SIGINT");
    process.kill(process.pid, "SIGINT");
  };
  for (const name of signals) process.on(name, listener);
  return { signal: controller.signal, stop };
}
