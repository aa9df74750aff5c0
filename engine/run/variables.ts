// The variables of a device: where each has its memory, what it starts with, how it moves into an arena, and how it
// comes from another device.
import { type TypedArray, bytesPerElement, decode, encode, wholeWords } from "../dtype.ts";
import { ShapeError, UsageError, ValuesLostError } from "../errors.ts";
import { UNIFORM_BYTES } from "../../kernels/launch.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Holder, Member, Variable } from "../variable.ts";

/** A byte of a buffer. */
export interface BufferPlace {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** What has a buffer of its own, a variable in no arena or an arena, and holds `v` or a part of it. */
const ownersOf = (v: Variable): readonly Variable[] => {
  if (!v.members?.length) return [v.arena?.variable ?? v];
  return v.members.map((m) => m.variable.arena?.variable ?? m.variable);
};
/** What an owner's buffer holds. */
const membersOf = (owner: Variable): readonly Member[] => owner.members ?? [{ variable: owner, offset: 0 }];
const wordsOf = ({ dtype, size }: Variable): number => wholeWords(size * bytesPerElement(dtype));
const nameOf = (v: Variable): string => v.name || "a variable";

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
   * them holds, else their initial ones. Throws ValuesLostError where that device is gone, OutOfMemoryError.
   */
  bring(variables: Iterable<Variable>): Promise<void> {
    const turn = this.#turn.then(() => this.#bring(variables));
    this.#turn = turn.catch(() => {});
    return turn;
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
      else if (bytes.byteLength > 0) this.gpu.device.queue.writeBuffer(place.buffer, place.offset, bytes);
    }
    this.changed(v);
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) this.gpu.destroyBuffer(buffer);
    this.#buffers.clear();
    this.#places.clear();
    this.#starts.clear();
  }

  async #bring(variables: Iterable<Variable>): Promise<void> {
    const owners = new Set([...variables].flatMap(ownersOf));
    const missing = [...owners].filter((v) => !this.#buffers.has(v));
    if (missing.length === 0) return;
    const members = missing.flatMap(membersOf).map(({ variable }) => variable);
    await this.#bring(members.flatMap((v) => v.origin ?? []));
    const fetched = new Map<Variable, ArrayBuffer>();
    for (const v of members) {
      const values = await this.#fetch(v);
      if (values) fetched.set(v, values);
    }
    const made = new Map<Variable, GPUBuffer>();
    try {
      await this.gpu.scoped("variables", () => {
        for (const v of missing) made.set(v, this.#make(v));
      });
      for (const [v, buffer] of made) {
        this.gpu.guarded("variables", () => this.#fill(v, buffer, fetched));
        this.#settle(v, buffer, fetched);
        made.delete(v);
      }
    } catch (error) {
      for (const buffer of made.values()) this.gpu.destroyBuffer(buffer);
      throw error;
    } finally {
      this.#freeUnused();
    }
  }

  /** Values of a variable that another device alone holds. Throws ValuesLostError. */
  async #fetch(v: Variable): Promise<ArrayBuffer | undefined> {
    if (this.#places.has(v) || this.#starts.has(v) || !v.holder || v.holder === this) return undefined;
    try {
      return encode(v.dtype, await v.holder.valuesOf(v));
    } catch (cause) {
      throw new ValuesLostError(nameOf(v), { cause });
    }
  }

  #make(owner: Variable): GPUBuffer {
    // Any part of it may be bound as a uniform on a CPU adapter.
    const beyond = this.gpu.traits.cpu ? UNIFORM_BYTES : 0;
    return this.gpu.createBuffer(
      wordsOf(owner) + beyond,
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      `variable ${owner.name}`,
    );
  }

  /** Puts an owner's values into its buffer; what this device holds of them elsewhere is copied there. */
  #fill(owner: Variable, buffer: GPUBuffer, fetched: ReadonlyMap<Variable, ArrayBuffer>): void {
    const { device } = this.gpu;
    const bytes = new Uint8Array(wordsOf(owner));
    const encoder = device.createCommandEncoder({ label: `variable ${owner.name}` });
    for (const { variable, offset } of membersOf(owner)) {
      const at = offset * bytesPerElement(owner.dtype);
      // What was written here meanwhile is newer than what was fetched.
      const start = this.#starts.get(variable) ?? fetched.get(variable);
      const from = start ? undefined : (this.#places.get(variable) ?? this.#originOf(variable));
      if (from) encoder.copyBufferToBuffer(from.buffer, from.offset, buffer, at, wordsOf(variable));
      else bytes.set(new Uint8Array(start ?? encode(variable.dtype, variable.initialData())), at);
    }
    if (bytes.byteLength > 0) device.queue.writeBuffer(buffer, 0, bytes);
    device.queue.submit([encoder.finish()]);
  }

  /** Where the values stand that a new variable starts with, if those are another one's. */
  #originOf({ origin }: Variable): BufferPlace | undefined {
    return origin && this.placeOf(origin);
  }

  /** Makes `buffer` the memory of an owner and of its members. */
  #settle(owner: Variable, buffer: GPUBuffer, fetched: ReadonlyMap<Variable, ArrayBuffer>): void {
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
      this.gpu.destroyBuffer(old);
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
