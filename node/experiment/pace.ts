// How long the runs that are left will take.

/** As was measured before, put right by how long the runs that are over really took. */
export class Pace {
  readonly #left: Set<string>;
  #took = 0;
  #expected = 0;
  #counted = 0;
  constructor(
    jobs: readonly string[],
    readonly seconds: Readonly<Record<string, number>>,
    /** How many work at them at once. */
    readonly processes = 1,
  ) {
    this.#left = new Set(jobs);
  }

  /** A run is over; `seconds` where it was done from its beginning. */
  done(job: string, seconds?: number): void {
    if (!this.#left.delete(job) || seconds === undefined) return;
    this.#took += seconds;
    this.#expected += this.seconds[job] ?? 0;
    this.#counted++;
  }

  /** Seconds, or NaN where nothing is known yet. */
  get left(): number {
    if (this.#left.size === 0) return 0;
    const expected = [...this.#left].map((job) => this.seconds[job] ?? NaN);
    const sum = expected.reduce((s, v) => s + v, 0);
    if (!Number.isNaN(sum)) return (sum * (this.#expected > 0 ? this.#took / this.#expected : 1)) / this.processes;
    return this.#counted > 0 ? ((this.#took / this.#counted) * this.#left.size) / this.processes : NaN;
  }
}
