// What lies beside what: the parts of a dispatch have each of its bindings in one storage.
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import type { BoundMemory } from "../fuse/memory.ts";
import type { Storage } from "./memory.ts";
import type { Storages } from "./storages.ts";

const aligned = (bytes: number): number => Math.ceil(bytes / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT;

/**
 * What may lie in a buffer with what: inputs in slots, and both beside tensors that share with none, in their buffer.
 */
const KINDS: readonly Storage["kind"][] = ["input", "slot", "own"];
const byKind = (a: Storage, b: Storage): number => KINDS.indexOf(b.kind) - KINDS.indexOf(a.kind);

/** Lays storages beside each other, but for rivals: WebGPU forbids to read and write one buffer by two bindings. */
export class Beside {
  readonly #rivals = new Map<Storage, Set<Storage>>();
  readonly #members = new Map<Storage, readonly Storage[]>();
  /** What was laid behind what, and how long that was before. */
  readonly #laid: { readonly root: Storage; readonly other: Storage; readonly bytes: number }[] = [];

  /** No storage becomes longer than `longest` bytes. */
  constructor(
    readonly storages: Storages,
    readonly longest: number,
  ) {}

  /** Keeps apart what one dispatch writes by one of these bindings, and what it binds by the other. */
  keepApart(a: BoundMemory, b: BoundMemory): void {
    const [one, other] = [this.#storageOf(a), this.#storageOf(b)];
    if (one === other || (a.access === "read" && b.access === "read")) return;
    this.#rivalsOf(one).add(other);
    this.#rivalsOf(other).add(one);
  }

  /** Lays what the bindings of one dispatch hold beside what those of another do; whether it could. */
  lay(first: readonly BoundMemory[], second: readonly BoundMemory[]): boolean {
    const pairs = first
      .map((m, i): [Storage, Storage] => [this.#storageOf(m), this.#storageOf(second[i]!)])
      .filter(([a, b]) => a !== b);
    if (!pairs.flat().every(({ kind }) => KINDS.includes(kind))) return false;
    const together = classesOf(pairs);
    if (!together.every((all) => this.#fit(all))) return false;
    for (const [root, ...others] of together.map((all) => [...all].sort(byKind)))
      for (const other of others) this.#layBehind(root!, other);
    return true;
  }

  /** Lays all apart again. */
  undo(): void {
    for (const { root, other, bytes } of this.#laid.reverse()) {
      root.bytes = bytes;
      delete other.lies;
    }
  }

  #storageOf({ memory }: BoundMemory): Storage {
    return this.storages.place(memory).storage;
  }

  #rivalsOf(s: Storage): Set<Storage> {
    const known = this.#rivals.get(s) ?? new Set();
    this.#rivals.set(s, known);
    return known;
  }

  #membersOf(s: Storage): readonly Storage[] {
    return this.#members.get(s) ?? [s];
  }

  #fit(all: readonly Storage[]): boolean {
    const bytes = all.reduce((n, s) => n + aligned(s.bytes), 0);
    return (
      bytes <= this.longest &&
      all.every((a) => all.every((b) => a === b || !this.#membersOf(b).some((m) => this.#rivalsOf(a).has(m))))
    );
  }

  /** One storage, with all that lies in it, behind another. */
  #layBehind(root: Storage, other: Storage): void {
    this.#laid.push({ root, other, bytes: root.bytes });
    const offset = aligned(root.bytes);
    other.lies = { storage: root, offset };
    root.bytes = offset + other.bytes;
    for (const r of this.#rivalsOf(other)) this.#rivalsOf(root).add(r);
    this.#members.set(root, [...this.#membersOf(root), ...this.#membersOf(other)]);
  }
}

/** What pairs join, directly or through others. */
function classesOf(pairs: readonly [Storage, Storage][]): Storage[][] {
  let classes: Set<Storage>[] = [];
  for (const pair of pairs) {
    const met = classes.filter((c) => pair.some((s) => c.has(s)));
    classes = [...classes.filter((c) => !met.includes(c)), new Set([...pair, ...met.flatMap((c) => [...c])])];
  }
  return classes.map((c) => [...c]);
}
