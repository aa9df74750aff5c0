// Where every stored tensor lives: its own variable or input, a part of a joined tensor, or a slot, a buffer that
// tensors share one after the other, or side by side (slots.ts).
import { inputOf } from "../constant.ts";
import { bytesPerElement, wholeWords } from "../dtype.ts";
import type { Steps } from "../pace.ts";
import type { Tensor } from "../tensor.ts";
import { type Variable, variableOf } from "../variable.ts";
import type { Fusion } from "../fuse/stage.ts";
import { type BoundMemory, type Memory, isScratch, memoryOf } from "../fuse/memory.ts";
import type { Ends, InPlace } from "../lower/in-place.ts";
import type { Dispatch, LoweredStage } from "../lower/lower.ts";
import { HOST_ALIGNMENT, type HostInput, type Place, type Storage } from "./memory.ts";
import { texelReads } from "../texels.ts";
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
  readonly hostInputs: readonly HostInput[];
  readonly copies: readonly Copy[];
  place(memory: Memory): Place;
  placeOf(t: Tensor): Place;
}

/**
 * Gives every memory that the stages bind its place; `ends` live to the end. A slot is at most `longest` bytes. With
 * `texels`, dispatches read copies in textures where that pays.
 */
export function place(inPlace: InPlace, fusion: Fusion, ends: Ends, longest: number, texels: boolean): Steps<Plan> {
  return new Planner(inPlace, fusion, ends, longest, texels).run();
}

class Planner {
  readonly #places = new Map<Tensor, Place>();
  readonly #scratches = new Map<number, Storage>();
  readonly #variables = new Map<Variable, Storage>();
  readonly #storages: Storage[] = [];
  readonly #hostInputs: HostInput[] = [];
  readonly #host: Storage;
  #textureRows: readonly number[] = [];

  constructor(
    readonly inPlace: InPlace,
    readonly fusion: Fusion,
    readonly ends: Ends,
    readonly longest: number,
    readonly texels: boolean,
  ) {
    this.#host = this.#add({ kind: "host", label: "host inputs", bytes: HOST_ALIGNMENT });
  }

  *run(): Steps<Plan> {
    const { stages } = this.inPlace;
    this.#placeOverwritten();
    stages.forEach(({ dispatches }, s) => {
      for (const d of dispatches) for (const { memory } of d.memory) this.#touch(this.#place(memory).storage, s);
    });
    const end = stages.length;
    for (const t of this.ends.outputs) this.#touch(this.#place(this.#memoryOf(t)).storage, end);
    const copies = this.#copies(end);
    const slots = this.#storages.filter((s) => s.kind === "slot" && s.last >= 0);
    const lowerBoundBytes = largestLiveBytes(slots, end);
    const slotBytes = assignSlots(slots, this.#rivals(), lowerBoundBytes, this.longest);
    const placed = (memory: Memory): Place => inSlot(this.#place(memory));
    const finished = yield* this.#finished(stages.flatMap((s) => s.dispatches));
    return {
      stages: stages.map((s) => ({ ...s, dispatches: s.dispatches.map((d) => finished.get(d)!) })),
      hostInputs: this.#hostInputs,
      copies: copies.map((c) => ({ ...c, from: inSlot(c.from) })),
      storages: this.#storages.filter((s) => s.kind !== "slot"),
      slotBytes,
      textureRows: this.#textureRows,
      lowerBoundBytes,
      place: placed,
      placeOf: (t) => placed(this.#memoryOf(t)),
    };
  }

  /** What overwrites an input has that one's place. */
  #placeOverwritten(): void {
    const { stages, overwrites } = this.inPlace;
    stages.forEach(({ stage }, s) => {
      if (stage.kind !== "kernel") return;
      for (const y of stage.node.outputs) {
        const base = overwrites.get(y);
        if (!base) continue;
        const taken = this.#placeOf(base);
        this.#places.set(y, taken);
        this.#touch(taken.storage, s);
      }
    });
  }

  /** New values that do not stand in their variables already. */
  #copies(end: number): Copy[] {
    return this.ends.assignments.flatMap(({ variable, value }) => {
      const from = this.#place(this.#memoryOf(value));
      const to: Place = { storage: this.#variable(variable), offset: 0 };
      if (from.storage === to.storage && from.offset === 0) return [];
      this.#touch(from.storage, end);
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
    for (const { memory } of this.inPlace.stages.flatMap((s) => s.dispatches)) {
      const bound = memory.map(({ memory: m, access }) => ({ storage: this.#place(m).storage, access }));
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

  /** Dispatches with their WGSL. */
  *#finished(dispatches: readonly Dispatch[]): Steps<Map<Dispatch, PlannedDispatch>> {
    const total = 2 * dispatches.length;
    const plain: Plain[] = [];
    for (const dispatch of dispatches) {
      yield { phase: "plan", done: plain.length, total };
      const writable = this.#writable(dispatch);
      plain.push({ dispatch, writable, code: dispatch.wgsl({ writable, texels: new Set() }) });
    }
    const texels = this.texels ? texelReads.brought?.plan(plain) : undefined;
    const finished = new Map<Dispatch, PlannedDispatch>();
    for (const [i, { dispatch, writable, code }] of plain.entries()) {
      yield { phase: "plan", done: dispatches.length + i, total };
      const textures = texels?.numbers[i] ?? NONE;
      const declared = { writable, texels: new Set(textures.keys()) };
      finished.set(dispatch, {
        ...dispatch,
        memory: dispatch.memory.map((m): BoundMemory => {
          if (writable.has(m.binding)) return { ...m, access: "read_write" };
          const texture = textures.get(m.binding);
          return texture === undefined ? m : { ...m, texture };
        }),
        code: textures.size > 0 ? dispatch.wgsl(declared) : code,
      });
    }
    this.#textureRows = texels?.rows ?? [];
    yield { phase: "plan", done: total, total };
    return finished;
  }

  /**
   * Bindings that are read and yet must be writable: WebGPU forbids a dispatch to bind a buffer once to be read and
   * once to be written, so that such bindings of a slot are all writable.
   */
  #writable(d: Dispatch): Set<number> {
    const slotOf = ({ memory }: BoundMemory): number | undefined => this.#place(memory).storage.slot;
    const written = new Set(d.memory.filter((m) => m.access === "read_write").map(slotOf));
    written.delete(undefined);
    return new Set(d.memory.filter((m) => m.access === "read" && written.has(slotOf(m))).map((m) => m.binding));
  }

  #memoryOf(t: Tensor): Memory {
    return memoryOf(t, this.fusion.stored);
  }

  #place({ content, offset: first, bytes }: Memory): Place {
    if (isScratch(content)) {
      const storage = this.#scratch(content.scratch);
      storage.bytes = Math.max(storage.bytes, first + bytes);
      return { storage, offset: first };
    }
    const { storage, offset } = this.#placeOf(content);
    return { storage, offset: offset + first };
  }

  #placeOf(t: Tensor): Place {
    const known = this.#places.get(t);
    if (known) return known;
    const made = this.#newPlace(t);
    this.#places.set(t, made);
    return made;
  }

  #newPlace(t: Tensor): Place {
    const residence = this.fusion.residences.get(t);
    if (residence) {
      const { storage, offset } = this.#placeOf(residence.into);
      return { storage, offset: offset + residence.view.offset * bytesPerElement(t.dtype) };
    }
    const variable = variableOf(t);
    if (variable) return { storage: this.#variable(variable), offset: 0 };
    const input = inputOf(t);
    if (input) return this.#placeOfInput(t, input.name, input.feed);
    const { op } = t.node;
    // Gaps that nothing writes are zero from the start: such a tensor can share with none.
    const kind = op.kind === "concat" && op.zeroFill === true ? "own" : "slot";
    return { storage: this.#add({ kind, label: `${t}`, bytes: t.bytes }), offset: 0 };
  }

  /** What the host feeds stands in one buffer, other inputs each in its own. */
  #placeOfInput(t: Tensor, name: string, feed: HostInput["feed"] | undefined): Place {
    if (!feed)
      return { storage: this.#add({ kind: "input", label: `input ${name}`, input: name, bytes: t.bytes }), offset: 0 };
    const offset = this.#host.bytes;
    this.#host.bytes = offset + Math.ceil(t.bytes / HOST_ALIGNMENT) * HOST_ALIGNMENT;
    this.#hostInputs.push({ tensor: t, name, offset, feed });
    return { storage: this.#host, offset };
  }

  #scratch(number: number): Storage {
    const known = this.#scratches.get(number);
    if (known) return known;
    const storage = this.#add({ kind: "slot", label: `scratch ${number}`, bytes: 0 });
    this.#scratches.set(number, storage);
    return storage;
  }

  #variable(variable: Variable): Storage {
    const known = this.#variables.get(variable);
    if (known) return known;
    const bytes = variable.size * bytesPerElement(variable.dtype);
    const storage = this.#add({ kind: "variable", label: `variable ${variable.name}`, variable, bytes });
    this.#variables.set(variable, storage);
    return storage;
  }

  #add(storage: Omit<Storage, "first" | "last">): Storage {
    const s: Storage = { ...storage, first: Infinity, last: -1 };
    this.#storages.push(s);
    return s;
  }

  #touch(storage: Storage, stage: number): void {
    storage.first = Math.min(storage.first, stage);
    storage.last = Math.max(storage.last, stage);
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
