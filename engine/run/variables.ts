// The variables of a device: where each has its memory, what it starts with, how it moves into an arena, and how it
// comes from another device.
import { type TypedArray, bytesPerElement, decode, encode, wholeWords } from "../dtype.ts";
import { ShapeError, UsageError, ValuesLostError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { Pace } from "../pace.ts";
import { type Holder, type Member, type Variable, ownersOf } from "../variable.ts";

/** A byte of a buffer. */
export interface BufferPlace {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** What an owner's buffer holds. */
const membersOf = (owner: Variable): readonly Member[] => owner.members ?? [{ variable: owner, offset: 0 }];
const wordsOf = ({ dtype, size }: Variable): number => wholeWords(size * bytesPerElement(dtype));
const nameOf = (v: Variable): string => v.name || "a variable";

/** How variables got their values. */
interface Started {
  /** From another device. */
  readonly fetched: ReadonlySet<Variable>;
  /** As a copy of one that this device holds. */
  readonly copied: ReadonlyMap<Variable, Variable>;
}

export class VariableMemory implements Holder {
  /** Of variables in no arena, and of members of arenas. */
  readonly #places = new Map<Variable, BufferPlace>();
  readonly #buffers = new Map<Variable, GPUBuffer>();
  /** Values, as the GPU stores them, of variables that were written before they had memory. */
  readonly #starts = new Map<Variable, ArrayBuffer>();
  /** What brings variables waits for this: they come one after another. */
  #turn: Promise<void> = Promise.resolve();
  /** How often variables were moved into arenas. */
  moves = 0;

  constructor(readonly gpu: Gpu) {}

  /**
   * Gives these variables memory here, with the values that they have: those that this device or the last one to change
   * them holds, else their initial ones. Throws ValuesLostError where that device is gone, OutOfMemoryError, and the
   * reason of an abort: none of them is here then that was not before.
   */
  bring(variables: Iterable<Variable>, pace = new Pace()): Promise<void> {
    const turn = this.#turn.then(() => this.#bring(variables, pace));
    this.#turn = turn.catch(() => {});
    return pace.waitFor(turn);
  }

  /** Where a variable that was brought begins. Throws UsageError for an arena whose members went different ways. */
  placeOf(v: Variable): BufferPlace {
    if (!v.members) return this.#places.get(v)!;
    const [first, ...others] = v.members.map((m) => ({ at: this.#places.get(m.variable)!, by: 4 * m.offset }));
    if (!first) return { buffer: this.#buffers.get(v)!, offset: 0 };
    const offset = first.at.offset - first.by;
    const together = others.every(({ at, by }) => at.buffer === first.at.buffer && at.offset - by === offset);
    if (!together || offset < 0 || first.at.buffer.size < offset + 4 * v.size) throw moved(v);
    return { buffer: first.at.buffer, offset };
  }

  /** As placeOf, to be written by a program: throws UsageError where the variable is in another one's arena by now. */
  ownPlaceOf(v: Variable): BufferPlace {
    const place = this.placeOf(v);
    if (place.buffer !== this.#buffers.get(v)) throw moved(v);
    return place;
  }

  /** Notes that this device changed a variable. */
  changed(v: Variable): void {
    for (const { variable } of membersOf(v)) variable.holder = this;
  }

  /** Throws what the GPU reported. */
  async valuesOf(v: Variable): Promise<TypedArray> {
    this.gpu.check();
    const start = this.#starts.get(v);
    if (start) return decode(v.dtype, start, v.size);
    const { buffer, offset } = this.placeOf(v);
    return decode(v.dtype, await this.gpu.readBuffer(buffer, offset, v.size * bytesPerElement(v.dtype)), v.size);
  }

  /** Replaces a variable's values; where it has no memory here yet, those that it will start with. */
  write(v: Variable, data: ArrayLike<number>): void {
    if (data.length !== v.size)
      throw new ShapeError("write", `${nameOf(v)} holds ${v.size} numbers, got ${data.length}`);
    for (const { variable, offset } of membersOf(v)) {
      const own = variable === v ? data : Array.prototype.slice.call(data, offset, offset + variable.size);
      const bytes = encode(variable.dtype, own);
      const place = this.#places.get(variable);
      if (!place) this.#starts.set(variable, bytes);
      else if (bytes.byteLength > 0) {
        const { buffer, offset: start } = place;
        this.gpu.guarded("write", () => this.gpu.device.queue.writeBuffer(buffer, start, bytes));
      }
    }
    this.changed(v);
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) this.gpu.destroy(buffer);
    this.#buffers.clear();
    this.#places.clear();
    this.#starts.clear();
  }

  async #bring(variables: Iterable<Variable>, pace: Pace): Promise<void> {
    const missing = this.#missing(variables);
    if (missing.size === 0) return;
    const made = new Map<Variable, GPUBuffer>();
    try {
      pace.signal?.throwIfAborted();
      await this.gpu.scoped("variables", () => {
        for (const v of missing) made.set(v, this.#make(v));
      });
      const started = await this.#start(made, pace);
      pace.signal?.throwIfAborted();
      // From here on at once: what is written or computed meanwhile would stand in the old memory.
      for (const [v, buffer] of made) {
        this.gpu.guarded("variables", () => this.#fill(v, buffer, started));
        this.#settle(v, buffer, started);
        made.delete(v);
      }
    } catch (error) {
      for (const buffer of made.values()) this.gpu.destroy(buffer);
      throw error;
    } finally {
      this.#freeUnused();
    }
  }

  /**
   * The owners that have no memory here yet, each behind those whose values its members start with, where that can be.
   */
  #missing(variables: Iterable<Variable>): Set<Variable> {
    const missing = new Set<Variable>();
    const seen = new Set<Variable>();
    const visit = (v: Variable): void => {
      for (const owner of ownersOf(v)) {
        if (seen.has(owner) || this.#buffers.has(owner)) continue;
        seen.add(owner);
        for (const { variable } of membersOf(owner)) if (variable.origin) visit(variable.origin);
        missing.add(owner);
      }
    };
    for (const v of variables) visit(v);
    return missing;
  }

  /** Writes the values of those variables that this device holds nowhere yet. */
  async #start(made: ReadonlyMap<Variable, GPUBuffer>, pace: Pace): Promise<Started> {
    const started = { fetched: new Set<Variable>(), copied: new Map<Variable, Variable>() };
    const settled = new Set<Variable>();
    const total = [...made.keys()].reduce((n, owner) => n + membersOf(owner).length, 0);
    let done = 0;
    for (const [owner, buffer] of made) {
      for (const { variable, offset } of membersOf(owner)) {
        pace.tell("variables", done++, total);
        if (pace.isDue) await pace.turn();
        if (this.#places.has(variable) || this.#starts.has(variable)) continue;
        const bytes = await this.#startOf(variable, settled, started);
        const at = offset * bytesPerElement(variable.dtype);
        const write = (): void => this.gpu.device.queue.writeBuffer(buffer, at, bytes!);
        if (bytes?.byteLength) this.gpu.guarded("variables", write);
      }
      for (const { variable } of membersOf(owner)) settled.add(variable);
      settled.add(owner);
    }
    pace.tell("variables", total, total);
    return started;
  }

  /**
   * What a variable starts with: the values that another device holds, its own initial ones, or those of its origin.
   * Undefined where these will stand on this device by then, of the variables `settled` too: they are copied there.
   */
  async #startOf(
    variable: Variable,
    settled: ReadonlySet<Variable>,
    { fetched, copied }: { readonly fetched: Set<Variable>; readonly copied: Map<Variable, Variable> },
  ): Promise<ArrayBuffer | undefined> {
    for (let source = variable; ; source = source.origin) {
      if (this.#places.has(source) || this.#buffers.has(source) || settled.has(source)) {
        copied.set(variable, source);
        return undefined;
      }
      const values = this.#starts.get(source) ?? (source.holder === this ? undefined : await this.#fetch(source));
      if (values && source === variable) fetched.add(variable);
      if (values) return values;
      if (!source.origin) return encode(source.dtype, source.initialData());
    }
  }

  /** Values of a variable that another device alone holds. Throws ValuesLostError. */
  async #fetch(v: Variable): Promise<ArrayBuffer | undefined> {
    if (!v.holder) return undefined;
    try {
      return encode(v.dtype, await v.holder.valuesOf(v));
    } catch (cause) {
      throw new ValuesLostError(nameOf(v), { cause });
    }
  }

  #make(owner: Variable): GPUBuffer {
    return this.gpu.createBuffer(
      wordsOf(owner),
      GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      `variable ${owner.name}`,
    );
  }

  /** Puts into an owner's buffer what this device holds elsewhere, and what was written here meanwhile. */
  #fill(owner: Variable, buffer: GPUBuffer, { copied }: Started): void {
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder({ label: `variable ${owner.name}` });
    for (const { variable, offset } of membersOf(owner)) {
      const at = offset * bytesPerElement(owner.dtype);
      const start = this.#starts.get(variable);
      const copy = copied.get(variable);
      const from = this.#places.get(variable) ?? (copy && this.placeOf(copy));
      if (start?.byteLength) device.queue.writeBuffer(buffer, at, start);
      else if (from) encoder.copyBufferToBuffer(from.buffer, from.offset, buffer, at, wordsOf(variable));
    }
    device.queue.submit([encoder.finish()]);
  }

  /** Makes `buffer` the memory of an owner and of its members. */
  #settle(owner: Variable, buffer: GPUBuffer, { fetched }: Started): void {
    this.#buffers.set(owner, buffer);
    owner.bound = true;
    for (const { variable, offset } of membersOf(owner)) {
      if (this.#places.has(variable)) this.moves++;
      this.#places.set(variable, { buffer, offset: offset * bytesPerElement(owner.dtype) });
      if (this.#starts.delete(variable) || fetched.has(variable)) variable.holder = this;
      variable.bound = true;
    }
  }

  /** Frees the buffers that nothing is left in. */
  #freeUnused(): void {
    const used = new Set([...this.#places.values()].map((p) => p.buffer));
    for (const [v, old] of this.#buffers) {
      if (used.has(old) || v.members?.length === 0) continue;
      this.#buffers.delete(v);
      this.gpu.destroy(old);
    }
  }
}

const moved = (v: Variable): UsageError => {
  const taken = v.members?.find((m) => m.variable.arena?.variable !== v)?.variable ?? v;
  const where = taken.arena ? ` (${taken.arena.variable.name})` : "";
  return new UsageError(
    `${nameOf(taken)} has moved into the memory of an optimizer that was made later${where}; ` +
      "compile the programs again that use it",
  );
};
