// Which bytes of which buffer a tensor has while it lives. A slot is a buffer; what lives in one at the same time
// lies side by side. A dispatch that reads one and writes the other of two neighbours must bind both as writable
// (`#finished` in plan.ts): they are kept apart where that costs next to nothing.
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import type { Storage } from "./memory.ts";

/** For each storage those that must not lie beside it while both live. */
export type Rivals = ReadonlyMap<Storage, ReadonlySet<Storage>>;
/** What lies in a buffer, from which byte on. */
interface Taken {
  readonly storage: Storage;
  readonly start: number;
}

/** Stages whose tenants a slot looks up together: most live for a few, among thousands. */
const SPAN = 32;
const spanOf = (stage: number): number => Math.floor(stage / SPAN);

/** A buffer, and what lies in it when. */
class Slot {
  bytes = 0;
  readonly taken: Taken[] = [];
  /** By spans of stages those that live in one. */
  readonly #bySpan: (Taken[] | undefined)[] = [];

  take(storage: Storage, start: number): void {
    const taken = { storage, start };
    this.bytes = Math.max(this.bytes, start + storage.bytes);
    this.taken.push(taken);
    for (let span = spanOf(storage.first); span <= spanOf(storage.last); span++) {
      this.#bySpan[span] ??= [];
      this.#bySpan[span]!.push(taken);
    }
  }

  /**
   * The first byte from which on it is free for as long as `s` lives, perhaps beyond its end; undefined beside a rival.
   */
  roomFor(s: Storage, rivals: ReadonlySet<Storage> | undefined): number | undefined {
    const alive: Taken[] = [];
    const from = spanOf(s.first);
    for (let span = from; span <= spanOf(s.last); span++) {
      for (const t of this.#bySpan[span] ?? []) {
        const { first, last } = t.storage;
        // One that lives through several spans is met in the first that both have.
        if (last < s.first || s.last < first || span !== Math.max(from, spanOf(first))) continue;
        if (rivals?.has(t.storage)) return undefined;
        alive.push(t);
      }
    }
    let start = 0;
    for (const t of alive.sort((a, b) => a.start - b.start)) {
      if (t.start >= start + s.bytes) break;
      start = Math.max(start, Math.ceil((t.start + t.storage.bytes) / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT);
    }
    return start;
  }
}

/** The order in which storages choose their slots, and what is done where one finds no room. */
interface Strategy {
  order(a: Storage, b: Storage): number;
  /** Whether slots are made longer where that takes less than a new one. */
  readonly grows: boolean;
  /** Whether only those lie apart that one dispatch can't bind together at all. */
  readonly mixes?: boolean;
}
const bySize = (a: Storage, b: Storage): number => b.bytes - a.bytes || a.first - b.first;
const byStay = (a: Storage, b: Storage): number =>
  b.bytes * (b.last - b.first + 1) - a.bytes * (a.last - a.first + 1) || bySize(a, b);
const STRATEGIES: readonly Strategy[] = [
  { order: bySize, grows: false },
  { order: bySize, grows: true },
  { order: byStay, grows: true },
  { order: bySize, grows: true, mixes: true },
  { order: byStay, grows: true, mixes: true },
];
/** Other strategies are tried while the plan is this much above what none can be below. */
const GOOD = 1.05;
/** What is bound as writable is another pipeline: only where the plan is this much above. */
const POOR = 1.12;

/**
 * Gives storages their slots and starts by the strategy that needs least; bytes of each slot. `apart` lists rivals of
 * either kind, `never` those that no dispatch can bind together; `bound`: largestLiveBytes; no slot becomes longer
 * than `longest`, but for what is so itself.
 */
export function assignSlots(
  storages: readonly Storage[],
  { apart, never }: { apart: Rivals; never: Rivals },
  bound: number,
  longest: number,
): number[] {
  let best: Slot[] | undefined;
  let least = Infinity;
  for (const strategy of STRATEGIES) {
    if (strategy.mixes && least <= POOR * bound) break;
    const slots = assignBy(strategy, storages, strategy.mixes ? never : apart, longest);
    const bytes = slots.reduce((n, s) => n + s.bytes, 0);
    if (bytes < least) [best, least] = [slots, bytes];
    if (least <= GOOD * bound) break;
  }
  best!.forEach(({ taken }, slot) => {
    for (const { storage, start } of taken) Object.assign(storage, { slot, start });
  });
  return best!.map((s) => s.bytes);
}

function assignBy({ order, grows }: Strategy, storages: readonly Storage[], rivals: Rivals, longest: number): Slot[] {
  const slots: Slot[] = [];
  for (const s of [...storages].sort(order)) {
    let best: { readonly slot: Slot; readonly start: number; readonly more: number } | undefined;
    for (const slot of slots) {
      const start = slot.roomFor(s, rivals.get(s));
      if (start === undefined) continue;
      const more = Math.max(0, start + s.bytes - slot.bytes);
      if (more > 0 && (!grows || more >= s.bytes || slot.bytes + more > longest)) continue;
      if (!best || more < best.more) best = { slot, start, more };
      if (more === 0) break;
    }
    const { slot, start } = best ?? { slot: new Slot(), start: 0 };
    if (!best) slots.push(slot);
    slot.take(s, start);
  }
  return slots;
}

/** The largest sum of bytes that live at one stage: no plan of this order can hold less. */
export function largestLiveBytes(storages: readonly Storage[], end: number): number {
  const change = new Float64Array(end + 2);
  for (const s of storages) {
    change[s.first]! += s.bytes;
    change[s.last + 1]! -= s.bytes;
  }
  let live = 0;
  let most = 0;
  for (const c of change) {
    live += c;
    most = Math.max(most, live);
  }
  return most;
}
