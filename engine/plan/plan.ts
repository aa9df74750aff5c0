// Where every stored tensor lives: its own variable or input, a part of a joined tensor, or a slot, a buffer that
// tensors share one after the other, or side by side (slots.ts).
import { inputOp } from "../constant.ts";
import { bytesPerElement } from "../dtype.ts";
import type { ConcatOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { type Variable, variableOp } from "../variable.ts";
import type { Fusion, Stage } from "../fuse/stage.ts";
import { writable } from "../wgsl/dispatch.ts";
import type { Dispatch, Lowerer, Memory } from "../lower/lower.ts";
import { joinNorms } from "../lower/join-norms.ts";
import { type Rivals, assignSlots, largestLiveBytes } from "./slots.ts";

export interface Storage {
  readonly kind: "slot" | "own" | "variable" | "input" | "host";
  readonly label: string;
  readonly variable?: Variable;
  /** Name of the program input. */
  readonly input?: string;
  bytes: number;
  /** Stages between which the contents matter. */
  first: number;
  last: number;
  /** Index into `Plan.slotBytes`, and where in that slot it starts. */
  slot?: number;
  start?: number;
}

export interface Place {
  readonly storage: Storage;
  readonly offset: number;
}

export interface HostInput {
  readonly tensor: Tensor;
  readonly name: string;
  readonly offset: number;
  readonly feed: () => ArrayLike<number>;
}

export interface PlannedStage {
  readonly stage: Stage;
  /** A stage that became part of this one's dispatches. */
  readonly with?: Stage;
  readonly dispatches: readonly Dispatch[];
}

export interface Plan {
  readonly stages: readonly PlannedStage[];
  /** Every storage that is not a slot. */
  readonly storages: readonly Storage[];
  readonly slotBytes: readonly number[];
  /** Largest sum of bytes alive at one stage: no plan can be below it. */
  readonly lowerBoundBytes: number;
  readonly hostInputs: readonly HostInput[];
  /** Copies after the last dispatch: new values into their variables. */
  readonly copies: readonly { readonly from: Place; readonly to: Place; readonly bytes: number }[];
  place(memory: Memory): Place;
}

export interface Assignment {
  readonly variable: Variable;
  readonly value: Tensor;
}

/** The host buffer starts with the number of the run; each host input follows at a multiple of this many bytes. */
const HOST_ALIGNMENT = 256;

/** `outputs` are kept to the end of the program; `assignments` end in their variables. */
export function plan(
  fusion: Fusion,
  lowerer: Lowerer,
  outputs: readonly Tensor[],
  assignments: readonly Assignment[],
): Plan {
  return new Planner(fusion, lowerer, outputs, assignments).run();
}

class Planner {
  readonly #places = new Map<Tensor, Place>();
  readonly #scratch = new Map<number, Storage>();
  readonly #variables = new Map<Variable, Storage>();
  readonly #storages: Storage[] = [];
  readonly #hostInputs: HostInput[] = [];
  readonly #host: Storage;

  constructor(
    readonly fusion: Fusion,
    readonly lowerer: Lowerer,
    readonly outputs: readonly Tensor[],
    readonly assignments: readonly Assignment[],
  ) {
    this.#host = this.#add({ kind: "host", label: "host inputs", bytes: HOST_ALIGNMENT });
  }

  run(): Plan {
    const lowered = this.fusion.stages.map((stage) => ({ stage, dispatches: this.lowerer.lower(stage) }));
    const stages = this.#placeInPlace(joinNorms(lowered, this.fusion, this.lowerer));
    stages.forEach(({ dispatches }, s) => {
      for (const d of dispatches) for (const { memory } of d.memory) this.#touch(this.place(memory).storage, s);
    });
    const end = stages.length;
    for (const t of this.outputs) this.#touch(this.place(this.lowerer.memoryOf(t)).storage, end);
    const copied = this.assignments.flatMap(({ variable, value }) => {
      const from = this.place(this.lowerer.memoryOf(value));
      const to: Place = { storage: this.#variable(variable), offset: 0 };
      if (from.storage === to.storage && from.offset === 0) return [];
      this.#touch(from.storage, end);
      return [{ value, to, bytes: Math.ceil((variable.size * bytesPerElement(variable.dtype)) / 4) * 4 }];
    });
    const slots = this.#storages.filter((s) => s.kind === "slot" && s.last >= 0);
    const lowerBoundBytes = largestLiveBytes(slots, end);
    const slotBytes = assignSlots(slots, this.#rivals(stages), lowerBoundBytes, this.lowerer.limits.maxBindingBytes);
    const place = (memory: Memory): Place => {
      const { storage, offset } = this.place(memory);
      return { storage, offset: offset + (storage.start ?? 0) };
    };
    return {
      stages: stages.map((s) => ({ ...s, dispatches: s.dispatches.map((d) => this.#boundAlike(d)) })),
      hostInputs: this.#hostInputs,
      copies: copied.map(({ value, to, bytes }) => ({ from: place(this.lowerer.memoryOf(value)), to, bytes })),
      storages: this.#storages.filter((s) => s.kind !== "slot"),
      slotBytes,
      place,
      lowerBoundBytes,
    };
  }

  /**
   * For each storage those that one dispatch binds with it while it writes either; and of these the ones that can't
   * be in one buffer even if it could write both: where it binds a storage more than once, the two bindings may
   * overlap.
   */
  #rivals(stages: readonly PlannedStage[]): { apart: Rivals; never: Rivals } {
    const apart = new Map<Storage, Set<Storage>>();
    const never = new Map<Storage, Set<Storage>>();
    const add = (rivals: Map<Storage, Set<Storage>>, a: Storage, b: Storage): void => {
      if (!rivals.has(a)) rivals.set(a, new Set());
      rivals.get(a)!.add(b);
    };
    for (const { dispatches } of stages) {
      for (const { memory } of dispatches) {
        const bound = memory.map(({ memory: m, access }) => ({ storage: this.place(m).storage, access }));
        const twice = new Set(bound.map((b) => b.storage)).size < bound.length;
        for (const { storage: written, access } of bound) {
          if (access === "read") continue;
          for (const { storage } of bound) {
            if (storage === written) continue;
            for (const rivals of twice ? [apart, never] : [apart]) {
              add(rivals, written, storage);
              add(rivals, storage, written);
            }
          }
        }
      }
    }
    return { apart, never };
  }

  /**
   * WebGPU forbids a dispatch to bind a buffer once to be read and once to be written: such bindings of a slot are
   * all writable.
   */
  #boundAlike(d: Dispatch): Dispatch {
    const slotOf = (m: Memory): number | undefined => this.place(m).storage.slot;
    const written = new Set(
      d.memory.flatMap(({ access, memory }) => (access === "read_write" ? (slotOf(memory) ?? []) : [])),
    );
    const mixed = d.memory.filter(({ access, memory }) => access === "read" && written.has(slotOf(memory) ?? -1));
    return mixed.length > 0 ? writable(d, new Set(mixed.map((m) => m.binding))) : d;
  }

  /** Lets ops overwrite their inputs where nothing needs the old value later; elsewhere puts a copy before them. */
  #placeInPlace(lowered: readonly PlannedStage[]): PlannedStage[] {
    const lastRead = new Map<Tensor, number>();
    const owner = (t: Tensor): Tensor => this.fusion.residences.get(t)?.into ?? t;
    lowered.forEach(({ dispatches }, s) => {
      for (const d of dispatches)
        for (const { memory, access } of d.memory)
          if (access === "read" && !("scratch" in memory.of)) lastRead.set(owner(memory.of), s);
    });
    const kept = new Set(this.outputs.map((t) => this.lowerer.memoryOf(t).of));
    const finals = new Map(this.assignments.map(({ variable, value }) => [variable, this.lowerer.memoryOf(value).of]));
    return lowered.map((planned, s) => {
      const { stage } = planned;
      if (stage.kind !== "kernel" || !stage.node.op.inPlace) return planned;
      const copies: Dispatch[] = [];
      for (const [o, i] of Object.entries(stage.node.op.inPlace)) {
        const y = stage.node.outputs[Number(o)];
        const x = stage.node.inputs[i];
        const { of, offset } = this.lowerer.memoryOf(x);
        const base = of as Tensor;
        const source = base.node.op.kind === "source";
        const variable = base.node.op === variableOp ? (base.node.attrs as { variable: Variable }).variable : undefined;
        const free = (lastRead.get(base) ?? -1) <= s && !kept.has(base) && offset === 0 && base.size === y.size;
        if (free && (variable ? finals.get(variable) === y : !source && !this.fusion.residences.has(base))) {
          const place = this.#placeOf(base);
          this.#places.set(y, place);
          this.#touch(place.storage, s);
        } else {
          copies.push(...this.lowerer.copy(x, y));
        }
      }
      return { stage, dispatches: [...copies, ...planned.dispatches] };
    });
  }

  place(memory: Memory): Place {
    if ("scratch" in memory.of) {
      const { scratch } = memory.of;
      let storage = this.#scratch.get(scratch);
      if (!storage)
        this.#scratch.set(scratch, (storage = this.#add({ kind: "slot", label: `scratch ${scratch}`, bytes: 0 })));
      storage.bytes = Math.max(storage.bytes, memory.offset + memory.bytes);
      return { storage, offset: memory.offset };
    }
    const { storage, offset } = this.#placeOf(memory.of);
    return { storage, offset: offset + memory.offset };
  }

  #placeOf(t: Tensor): Place {
    let place = this.#places.get(t);
    if (!place) this.#places.set(t, (place = this.#newPlace(t)));
    return place;
  }

  #newPlace(t: Tensor): Place {
    const { op, attrs } = t.node;
    const home = this.fusion.residences.get(t);
    if (home) {
      const { storage, offset } = this.#placeOf(home.into);
      return { storage, offset: offset + home.view.offset * bytesPerElement(t.dtype) };
    }
    if (op === variableOp) return { storage: this.#variable((attrs as { variable: Variable }).variable), offset: 0 };
    if (op === inputOp) {
      const { name, feed } = attrs as { name: string; feed?: () => ArrayLike<number> };
      if (!feed)
        return {
          storage: this.#add({ kind: "input", label: `input ${name}`, input: name, bytes: t.bytes }),
          offset: 0,
        };
      const offset = this.#host.bytes;
      this.#host.bytes = offset + Math.ceil(t.bytes / HOST_ALIGNMENT) * HOST_ALIGNMENT;
      this.#hostInputs.push({ tensor: t, name, offset, feed });
      return { storage: this.#host, offset };
    }
    const own = op.kind === "concat" && (op as ConcatOp).zeroFill === true;
    return { storage: this.#add({ kind: own ? "own" : "slot", label: `${t}`, bytes: t.bytes }), offset: 0 };
  }

  #variable(variable: Variable): Storage {
    let storage = this.#variables.get(variable);
    if (!storage) {
      const bytes = variable.size * bytesPerElement(variable.dtype);
      this.#variables.set(
        variable,
        (storage = this.#add({ kind: "variable", label: `variable ${variable.name}`, variable, bytes })),
      );
    }
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
