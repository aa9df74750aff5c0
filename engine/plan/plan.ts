// Where every stored tensor lives: its own variable or input, a part of a joined tensor, or a slot, a buffer that
// tensors share one after the other, or side by side (slots.ts).
import type { Traits } from "../../kernels/kernel.ts";
import { bytesPerElement, wholeWords } from "../dtype.ts";
import type { CompileProgress, Steps } from "../pace.ts";
import type { Tensor } from "../tensor.ts";
import type { Fusion } from "../fuse/stage.ts";
import { type Horizontal, horizontal } from "../horizontal.ts";
import type { BoundMemory, Memory } from "../fuse/memory.ts";
import type { Ends, InPlace } from "../lower/in-place.ts";
import type { Dispatch, LoweredStage } from "../lower/lower.ts";
import type { HostInput, Place, Storage } from "./memory.ts";
import { Storages, touch } from "./storages.ts";
import { llvmpipe } from "../llvmpipe.ts";
import type { Plain } from "./texels.ts";
import { type Rivals, assignSlots, largestLiveBytes } from "./slots.ts";

/** A dispatch with its finished WGSL. */
export interface PlannedDispatch extends Dispatch {
  readonly code: string;
}

export interface PlannedStage extends LoweredStage {
  readonly dispatches: readonly PlannedDispatch[];
}

/** A copy after the last dispatch: a new value into its variable. */
export interface Copy {
  readonly from: Place;
  readonly to: Place;
  readonly bytes: number;
}

export interface Plan {
  readonly stages: readonly PlannedStage[];
  /** Every storage that is not a slot. */
  readonly storages: readonly Storage[];
  readonly slotBytes: readonly number[];
  /** Rows of the textures that hold copies of what is read as texels. */
  readonly textureRows: readonly number[];
  /** Largest sum of bytes alive at one stage: no plan can be below it. */
  readonly lowerBoundBytes: number;
  /** Inputs that a run is given, by name. */
  readonly inputs: readonly (readonly [name: string, place: Place])[];
  readonly hostInputs: readonly HostInput[];
  readonly copies: readonly Copy[];
  place(memory: Memory): Place;
  placeOf(t: Tensor): Place;
}

/** How a plan may be made. */
export interface PlanOptions {
  readonly maxBindingBytes: number;
  readonly traits: Traits;
  /** Whether equal, independent stages become one where that pays. */
  readonly horizontal: boolean;
}

/** Gives every memory that the stages bind its place; `ends` live to the end. A slot is at most one binding long. */
export function place(inPlace: InPlace, fusion: Fusion, ends: Ends, options: PlanOptions): Steps<Plan> {
  return new Planner(inPlace, fusion, ends, options).run();
}

class Planner {
  readonly #storages: Storages;
  /** With buffers that are only read where they are only read. */
  readonly #codes = new Map<Dispatch, string>();
  #stages: readonly LoweredStage[];
  readonly #join?: Horizontal["join"];
  /** Of how many steps all dispatches are. */
  readonly #total: number;
  #textureRows: readonly number[] = [];

  constructor(
    inPlace: InPlace,
    fusion: Fusion,
    readonly ends: Ends,
    readonly options: PlanOptions,
  ) {
    this.#stages = inPlace.stages;
    this.#storages = new Storages(inPlace, fusion);
    if (options.horizontal && horizontal.brought?.pays(options.traits)) this.#join = horizontal.brought.join;
    this.#total = (this.#join ? 3 : 2) * inPlace.stages.reduce((n, s) => n + s.dispatches.length, 0);
  }

  *run(): Steps<Plan> {
    const storages = this.#storages;
    const { maxBindingBytes } = this.options;
    yield* this.#write();
    yield* this.#joined();
    const stages = this.#stages;
    stages.forEach(({ dispatches }, s) => {
      for (const d of dispatches) for (const { memory } of d.memory) touch(storages.place(memory).storage, s);
    });
    const end = stages.length;
    // What shares a slot with an input: it is written whenever the host likes to.
    for (const { storage } of storages.inputs) for (const s of [0, end]) touch(storage, s);
    for (const t of this.ends.outputs) touch(storages.placeOf(t).storage, end);
    const copies = this.#copies(end);
    const slots = storages.all.filter((s) => s.kind === "slot" && s.last >= 0);
    const lowerBoundBytes = largestLiveBytes(slots, end);
    const slotBytes = assignSlots(slots, this.#rivals(), lowerBoundBytes, maxBindingBytes);
    const finished = yield* this.#finished(stages.flatMap((s) => s.dispatches));
    return {
      stages: stages.map((s) => ({ ...s, dispatches: s.dispatches.map((d) => finished.get(d)!) })),
      inputs: storages.inputs.map(({ name, storage, offset }) => [name, inSlot({ storage, offset })]),
      hostInputs: storages.hostInputs,
      copies: copies.map((c) => ({ ...c, from: inSlot(c.from) })),
      storages: storages.all.filter((s) => s.kind !== "slot" && !s.lies),
      slotBytes,
      textureRows: this.#textureRows,
      lowerBoundBytes,
      place: (memory) => inSlot(storages.place(memory)),
      placeOf: (t) => inSlot(storages.placeOf(t)),
    };
  }

  /** Writes the text of every dispatch. */
  *#write(): Steps<void> {
    for (const d of this.#stages.flatMap((s) => s.dispatches)) {
      yield this.#progress(this.#codes.size);
      this.#codes.set(d, d.wgsl({ writable: new Set(), texels: new Set() }));
    }
  }

  *#joined(): Steps<void> {
    const { size } = this.#codes;
    const { maxBindingBytes } = this.options;
    const codeOf = (d: Dispatch): string => this.#codes.get(d)!;
    const progress = (dispatches: number): CompileProgress => this.#progress(size + dispatches);
    if (this.#join)
      this.#stages = yield* this.#join(this.#stages, this.#storages, { codeOf, maxBindingBytes, progress });
  }

  #progress(done: number): CompileProgress {
    return { phase: "plan", done, total: this.#total };
  }

  /** New values that do not stand in their variables already. */
  #copies(end: number): Copy[] {
    return this.ends.assignments.flatMap(({ variable, value }) => {
      const from = this.#storages.placeOf(value);
      const to = this.#storages.placeOfVariable(variable);
      if (from.storage === to.storage && from.offset === 0) return [];
      touch(from.storage, end);
      return [{ from, to, bytes: wholeWords(variable.size * bytesPerElement(variable.dtype)) }];
    });
  }

  /**
   * For each storage those that one dispatch binds with it while it writes either; and of these the ones that can't
   * be in one buffer even if it could write both: where it binds a storage more than once, the two bindings may
   * overlap.
   */
  #rivals(): { apart: Rivals; never: Rivals } {
    const apart = new Map<Storage, Set<Storage>>();
    const never = new Map<Storage, Set<Storage>>();
    for (const { memory } of this.#stages.flatMap((s) => s.dispatches)) {
      const bound = memory.map(({ memory: m, access }) => ({ storage: this.#storages.place(m).storage, access }));
      const twice = new Set(bound.map((b) => b.storage)).size < bound.length;
      for (const { storage: written, access } of bound) {
        if (access === "read") continue;
        for (const { storage } of bound) {
          if (storage === written) continue;
          addRivals(apart, written, storage);
          if (twice) addRivals(never, written, storage);
        }
      }
    }
    return { apart, never };
  }

  /** Dispatches with their WGSL, and what those with parts are told. */
  *#finished(dispatches: readonly Dispatch[]): Steps<Map<Dispatch, PlannedDispatch>> {
    const first = this.#total - dispatches.length;
    const plain = dispatches.map((dispatch): Plain => {
      const writable = this.#writable(dispatch);
      const known = writable.size > 0 ? undefined : this.#codes.get(dispatch);
      return { dispatch, writable, code: known ?? dispatch.wgsl({ writable, texels: new Set() }) };
    });
    const texels = this.options.traits.texels ? llvmpipe.brought?.plan(plain) : undefined;
    const finished = new Map<Dispatch, PlannedDispatch>();
    for (const [i, { dispatch, writable, code }] of plain.entries()) {
      yield this.#progress(first + i);
      const textures = texels?.numbers[i] ?? NONE;
      const declared = { writable, texels: new Set(textures.keys()) };
      const memory = dispatch.memory.map((m): BoundMemory => {
        if (writable.has(m.binding)) return { ...m, access: "read_write" };
        const texture = textures.get(m.binding);
        return texture === undefined ? m : { ...m, texture };
      });
      finished.set(dispatch, {
        ...dispatch,
        memory,
        code: textures.size > 0 ? dispatch.wgsl(declared) : code,
        ...dispatch.told?.(memory, (m) => this.#storages.place(m).offset),
      });
    }
    this.#textureRows = texels?.rows ?? [];
    yield this.#progress(this.#total);
    return finished;
  }

  /**
   * Bindings that are read and yet must be writable: WebGPU forbids a dispatch to bind a buffer once to be read and
   * once to be written, so that such bindings of a buffer are all writable.
   */
  #writable(d: Dispatch): Set<number> {
    const bufferOf = ({ memory }: BoundMemory): Storage | number => {
      const { storage } = this.#storages.place(memory);
      return storage.slot ?? storage;
    };
    const written = new Set(d.memory.filter((m) => m.access === "read_write").map(bufferOf));
    return new Set(d.memory.filter((m) => m.access === "read" && written.has(bufferOf(m))).map((m) => m.binding));
  }
}

const NONE: ReadonlyMap<number, number> = new Map();

/** A place counted from the start of its slot, where it has one. */
const inSlot = ({ storage, offset }: Place): Place => ({ storage, offset: offset + (storage.start ?? 0) });

function addRivals(rivals: Map<Storage, Set<Storage>>, a: Storage, b: Storage): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const known = rivals.get(one);
    if (known) known.add(other);
    else rivals.set(one, new Set([other]));
  }
}
