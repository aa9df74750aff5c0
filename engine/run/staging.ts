// Where the small results of the last few runs wait to be read: a ring, so that a run is read while the next ones
// compute.
import type { Gpu } from "../gpu/gpu.ts";

export interface Staging {
  readonly buffer: GPUBuffer;
  /** The run whose results are here; -1 for none. */
  run: number;
  reading: boolean;
}

/** Runs that may be under way at once. */
export const RUNS_AHEAD = 3;

export class StagingRing {
  readonly #stagings: Staging[] = [];

  constructor(
    readonly gpu: Gpu,
    readonly bytes: number,
    readonly label: string,
  ) {
    for (let i = 0; i < RUNS_AHEAD; i++) this.#add();
  }

  get count(): number {
    return this.#stagings.length;
  }

  /** Room for a run: what was taken for it already, else that of the oldest run that is not being read. */
  take(run: number): Staging {
    const free =
      this.find(run) ??
      this.#stagings.filter((s) => !s.reading).sort((a, b) => a.run - b.run)[0] ??
      this.gpu.guarded(this.label, () => this.#add());
    free.run = run;
    return free;
  }

  find(run: number): Staging | undefined {
    return this.#stagings.find((s) => s.run === run);
  }

  dispose(): void {
    for (const { buffer } of this.#stagings) this.gpu.destroy(buffer);
    this.#stagings.length = 0;
  }

  #add(): Staging {
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const buffer = this.gpu.createBuffer(this.bytes, usage, this.label);
    const staging = { buffer, run: -1, reading: false };
    this.#stagings.push(staging);
    return staging;
  }
}
