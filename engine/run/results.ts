// The results of a program's runs: small ones wait in a ring of staging buffers, large ones where the latest run left
// them. A run counts only once it has been read back.
import { type TypedArray, decode, wholeWords } from "../dtype.ts";
import { GpuValidationError, UsageError } from "../errors.ts";
import { type Built, type Places, type ProgramParts, SMALL_OUTPUT, STATUS_BYTES, type SmallOutput } from "./build.ts";
import { type Patience, patience } from "../patience.ts";
import type { Tensor } from "../tensor.ts";
import { type CallerBuffer, placeIn } from "./caller-buffers.ts";
import type { BufferPlace } from "./variables.ts";
import { RUNS_AHEAD, type Staging, type StagingRing } from "./staging.ts";

/** Values of a program's outputs, row-major. */
export type Values<O extends string = string> = Record<O, TypedArray>;

/** An output, and where it is copied to. */
export interface Target {
  readonly tensor: Tensor;
  readonly to: BufferPlace;
}

export class Results<O extends string> {
  readonly #parts: ProgramParts;
  readonly #places: Places;
  readonly #status: GPUBuffer;
  readonly #small: ReadonlyMap<string, SmallOutput>;
  readonly #stagings: StagingRing;
  readonly #patience: Patience | undefined;
  #latest: Staging | undefined;
  /** Runs known to be done: all below this number. */
  #done = 0;
  /** Whether a run was encoded since the latest: large outputs are that one's. */
  #overwritten = false;
  #disposed = false;

  constructor(parts: ProgramParts, { places, status, small, stagings }: Built) {
    this.#parts = parts;
    this.#places = places;
    this.#status = status;
    this.#small = new Map(small.map((s) => [s.name, s]));
    this.#stagings = stagings;
    this.#patience = parts.gpu.traits.cpu ? patience.brought?.() : undefined;
  }

  /** Bytes of all staging buffers, and their number. */
  get stagingBytes(): number {
    return this.#stagings.count * this.#stagings.bytes;
  }
  get stagingCount(): number {
    return this.#stagings.count;
  }

  /** Encodes the copies of a run's small results to where they wait, which it gives. */
  encode(encoder: GPUCommandEncoder, run: number): Staging {
    const staging = this.#stagings.take(run);
    encoder.copyBufferToBuffer(this.#status, 0, staging.buffer, 0, STATUS_BYTES);
    for (const { tensor, place, at } of this.#small.values()) {
      if (tensor.size === 0) continue;
      const { buffer, offset } = this.#places.get(place.storage)!;
      encoder.copyBufferToBuffer(buffer, offset + place.offset, staging.buffer, at, wholeWords(tensor.bytes));
    }
    return staging;
  }

  /** Where outputs are copied to, in the caller's buffers. Throws UsageError, ShapeError. */
  targets(into: { readonly [K in O]?: CallerBuffer }): readonly Target[] {
    const { name, outputs } = this.#parts;
    return (Object.keys(into) as O[]).flatMap((key) => {
      const tensor = outputs.get(key);
      const given: CallerBuffer | undefined = into[key];
      if (!tensor) throw this.#unknown(key);
      return given ? [{ tensor, to: placeIn(given, `program ${name}: output "${key}"`, tensor, "COPY_DST") }] : [];
    });
  }

  /** Encodes the copies of a run's results to the caller's buffers. */
  encodeInto(encoder: GPUCommandEncoder, targets: readonly Target[]): void {
    for (const { tensor, to } of targets) {
      if (tensor.size === 0) continue;
      const from = this.#placeOf(tensor);
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, wholeWords(tensor.bytes));
    }
    this.#overwritten = true;
  }

  /** Notes that the run whose results will wait there was submitted. */
  submitted(staging: Staging): void {
    this.#latest = staging;
    this.#overwritten = false;
    this.#patience?.submitted(staging.buffer);
  }

  /** Resolves once at most RUNS_AHEAD − 1 of `runs` runs are under way. */
  async ready(runs: number): Promise<void> {
    this.#checkUsable();
    const oldest = runs - RUNS_AHEAD;
    if (oldest < this.#done) return;
    const staging = this.#stagings.find(oldest);
    if (!staging || staging.reading) return;
    await this.#fetch(staging);
  }

  /** Values of the latest run's outputs (all, or those named). */
  read<K extends O>(names: readonly K[]): Promise<Values<K>> {
    return this.#read(this.#latest, names);
  }

  /** As read(), of run number `run`, which is `back` runs before the latest. */
  readEarlier<K extends O>(run: number, back: number, names: readonly K[]): Promise<Values<K>> {
    const { name, outputs } = this.#parts;
    this.#checkUsable();
    const staging = this.#stagings.find(run);
    if (this.#latest && !staging)
      throw new UsageError(
        `program ${name}: results of ${back} runs before the latest are gone or never were; ` +
          `${RUNS_AHEAD - 1} are kept`,
      );
    const wanted = names.length ? names : ([...outputs.keys()] as K[]).filter((n) => this.#small.has(n));
    const large = wanted.find((n) => outputs.has(n) && !this.#small.has(n));
    if (large && back > 0)
      throw new UsageError(
        `program ${name}: output "${large}" is kept of the latest run only, for it is larger than ` +
          `${SMALL_OUTPUT} bytes; use read()`,
      );
    return this.#read(staging, wanted);
  }

  async #read<K extends O>(staging: Staging | undefined, names: readonly K[]): Promise<Values<K>> {
    const { outputs, name } = this.#parts;
    this.#checkUsable();
    if (!staging) throw new UsageError(`program ${name} has not run yet; call run() before read()`);
    if (staging.reading) throw new UsageError(`the latest run of program ${name} is being read already`);
    const wanted = names.length ? names : ([...outputs.keys()] as K[]);
    for (const n of wanted) {
      if (!outputs.has(n)) throw this.#unknown(n);
      this.#checkStands(n, staging);
    }
    const copy = await this.#fetch(staging);
    const values = {} as Values<K>;
    for (const n of wanted) {
      const { dtype, size } = outputs.get(n)!;
      values[n] = decode(dtype, await this.#bytesOf(n, staging, copy), size);
    }
    return values;
  }

  /** An output's bytes: of a small one from the staging buffer's copy. */
  async #bytesOf(name: O, staging: Staging, copy: ArrayBuffer): Promise<ArrayBuffer> {
    const { gpu, outputs } = this.#parts;
    const tensor = outputs.get(name)!;
    if (tensor.size === 0) return new ArrayBuffer(0);
    const small = this.#small.get(name);
    if (small) return copy.slice(small.at, small.at + wholeWords(tensor.bytes));
    this.#checkUsable();
    this.#checkStands(name, staging);
    const { buffer, offset } = this.#placeOf(tensor);
    return gpu.readBuffer(buffer, offset, tensor.bytes);
  }

  /** Throws UsageError where a large output of the run that waits in `staging` was overwritten. */
  #checkStands(output: O, staging: Staging): void {
    const isLatest = staging === this.#latest;
    if (this.#small.has(output) || (isLatest && !this.#overwritten)) return;
    const by = isLatest
      ? "a run that was encoded since; run() again, or have encode() copy it into a buffer of yours"
      : "a later run() before it was read; await read() first";
    throw new UsageError(`program ${this.#parts.name}: output "${output}" was overwritten by ${by}`);
  }

  /** Where an output is; a variable may have moved since the run. */
  #placeOf(t: Tensor): BufferPlace {
    const { plan, variables } = this.#parts;
    const { storage, offset } = plan.placeOf(t);
    const start = storage.variable ? variables.placeOf(storage.variable) : this.#places.get(storage)!;
    return { buffer: start.buffer, offset: start.offset + offset };
  }

  #unknown(output: string): UsageError {
    const { name, outputs } = this.#parts;
    return new UsageError(
      `program ${name} has no output "${output}"; its outputs are ${[...outputs.keys()].join(", ")}`,
    );
  }

  /** What a run left in its staging buffer, once it has; throws if the GPU did not execute it. */
  async #fetch(staging: Staging): Promise<ArrayBuffer> {
    const { gpu, name } = this.#parts;
    const { run } = staging;
    staging.reading = true;
    try {
      const { buffer } = staging;
      await gpu.map(
        buffer,
        this.#patience?.map(buffer, () => this.#checkUsable()),
      );
      this.#checkUsable();
      const copy = staging.buffer.getMappedRange().slice(0);
      const finished = new DataView(copy).getUint32(0, true);
      if (finished !== staging.run >>> 0)
        throw new GpuValidationError(`run ${staging.run} of program ${name} did not execute on the GPU`);
      this.#done = Math.max(this.#done, run + 1);
      return copy;
    } catch (error) {
      this.#checkUsable();
      throw error;
    } finally {
      // It is mapped where the run was refused, too.
      staging.buffer.unmap();
      staging.reading = false;
    }
  }

  #checkUsable(): void {
    if (this.#disposed) throw new UsageError(`program ${this.#parts.name} was disposed; read its results before`);
  }

  dispose(): void {
    this.#disposed = true;
    this.#stagings.dispose();
  }
}
