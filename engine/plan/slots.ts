// Which bytes of which buffer a tensor has while it lives. A slot is a buffer; what lives in one at the same time
// lies side by side. A dispatch that reads one and writes the other of two neighbours must bind both as writable
// (`#finished` in plan.ts): they are kept apart where that costs next to nothing.
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import type { Storage } from "./memory.ts";

/** For each storage those that must not lie beside it while both live. */
export type Rivals = ReadonlyMap<Storage, ReadonlySet<Storage>>;
/** A buffer, and what lies in it from which byte on. */
interface Slot {
  bytes: number;
  taken: { readonly storage: Storage; readonly start: number }[];
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
      const start = roomIn(slot, s, rivals);
      if (start === undefined) continue;
      const more = Math.max(0, start + s.bytes - slot.bytes);
      if (more > 0 && (!grows || more >= s.bytes || slot.bytes + more > longest)) continue;
      if (!best || more < best.more) best = { slot, start, more };
      if (more === 0) break;
    }
    const { slot, start } = best ?? { slot: { bytes: 0, taken: [] } as Slot, start: 0 };
    if (!best) slots.push(slot);
    slot.bytes = Math.max(slot.bytes, start + s.bytes);
    slot.taken.push({ storage: s, start });
  }
  return slots;
}

/**
 * The first byte from which on a slot is free for as long as `s` lives, perhaps beyond its end; undefined beside a
 * rival.
 */
function roomIn({ taken }: Slot, s: Storage, rivals: Rivals): number | undefined {
  const own = rivals.get(s);
  const alive: Slot["taken"] = [];
  for (const t of taken) {
    if (t.storage.last < s.first || s.last < t.storage.first) continue;
    if (own?.has(t.storage)) return undefined;
    alive.push(t);
  }
  let start = 0;
  for (const t of alive.sort((a, b) => a.start - b.start)) {
    if (t.start >= start + s.bytes) break;
    start = Math.max(start, Math.ceil((t.start + t.storage.bytes) / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT);
  }
  return start;
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
