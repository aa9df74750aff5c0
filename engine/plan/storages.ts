// Where tensors, variables, inputs and scratch are stored, before it is known which slots that is.
import { inputOf } from "../constant.ts";
import { bytesPerElement } from "../dtype.ts";
import { type Memory, isScratch, memoryOf } from "../fuse/memory.ts";
import type { Fusion } from "../fuse/stage.ts";
import type { InPlace } from "../lower/in-place.ts";
import type { Tensor } from "../tensor.ts";
import { type Variable, variableOf } from "../variable.ts";
import { HOST_ALIGNMENT, type HostInput, type Place, type Storage } from "./memory.ts";

export class Storages {
  readonly all: Storage[] = [];
  readonly hostInputs: HostInput[] = [];
  readonly #places = new Map<Tensor, Place>();
  readonly #scratches = new Map<number, Storage>();
  readonly #variables = new Map<Variable, Storage>();
  readonly #host: Storage;

  constructor(
    { stages, overwrites }: InPlace,
    readonly fusion: Fusion,
  ) {
    this.#host = this.#add({ kind: "host", label: "host inputs", bytes: HOST_ALIGNMENT });
    // What overwrites an input has that one's place.
    for (const { stage } of stages)
      for (const y of stage.kind === "kernel" ? stage.node.outputs : []) {
        const base = overwrites.get(y);
        if (base) this.#places.set(y, this.#placeOf(base));
      }
    for (const { memory } of stages.flatMap((s) => s.dispatches).flatMap((d) => d.memory)) this.place(memory);
  }

  /** Inputs that a run is given. */
  get inputs(): readonly (Place & { readonly name: string })[] {
    return this.all
      .filter((s) => s.kind === "input")
      .map((s) => ({ name: s.input!, ...within({ storage: s, offset: 0 }) }));
  }

  place({ content, offset: first, bytes }: Memory): Place {
    if (isScratch(content)) {
      const storage = this.#scratch(content.scratch);
      storage.bytes = Math.max(storage.bytes, first + bytes);
      return within({ storage, offset: first });
    }
    const { storage, offset } = this.#placeOf(content);
    return within({ storage, offset: offset + first });
  }

  /** That of a tensor, or of what it is a view of. */
  placeOf(t: Tensor): Place {
    return this.place(memoryOf(t, this.fusion.stored));
  }

  placeOfVariable(variable: Variable): Place {
    return { storage: this.#variable(variable), offset: 0 };
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
    if (variable) return this.placeOfVariable(variable);
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
    this.hostInputs.push({ tensor: t, name, offset, feed });
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
    this.all.push(s);
    return s;
  }
}

/** A place in the storage that one lies in with others, where it does. */
function within({ storage, offset }: Place): Place {
  const { lies } = storage;
  return lies ? within({ storage: lies.storage, offset: offset + lies.offset }) : { storage, offset };
}

export function touch(storage: Storage, stage: number): void {
  storage.first = Math.min(storage.first, stage);
  storage.last = Math.max(storage.last, stage);
}
