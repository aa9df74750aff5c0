// Which stages go into one: those of equal text that need nothing of each other, as two generators' convolutions, or a
// discriminator's of real and of fake images. What a dispatch costs beside its work is then paid once (horizontal
// fusion). Stages come in another order for it, and what one binding of a dispatch holds lies in one buffer.
import type { Traits } from "../../kernels/kernel.ts";
import { octets } from "../../kernels/launch.ts";
import { acrossRanks } from "../../kernels/map/across-ranks.ts";
import type { LoweredStage } from "../lower/lower.ts";
import type { CompileProgress, Steps } from "../pace.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { MOST_PARTS, canHaveParts, elementType, gridOf } from "../wgsl/parts.ts";
import { Beside } from "./beside.ts";
import { inParts } from "./in-parts.ts";
import { predecessors } from "./order.ts";
import type { Storages } from "./storages.ts";
import { isProduct } from "./texels.ts";

/** Work of a dispatch, in operations and in bytes, beside which what it costs to begin one is little. */
const LARGE = { flops: 3e7, bytes: 2 ** 21 };
/** Workgroups of a dispatch that may find no work, beside as many as do. */
const IDLE_GROUPS = 64;
/** Most workgroups along a dimension, on every device. */
const MOST_GROUPS = 65535;
/** Bytes of all that is stored from which nothing is joined: what lies together lives together. */
const MUCH = 2 ** 30;
/** The share of stages that must go into others: for few, what is stored and the order stay as they were. */
const WORTH = 1 / 8;

/**
 * Whether a device gains by it: on SwiftShader, a processor's lanes by fours, what a dispatch costs beside its work is
 * less than what parts do.
 */
export const joiningPays = (traits: Traits): boolean => !traits.cpu || octets(traits);

export interface HorizontalOptions {
  /** A dispatch's WGSL. */
  codeOf(d: Dispatch): string;
  readonly maxBindingBytes: number;
  /** How far a plan is once so many dispatches were placed in the order. */
  progress(dispatches: number): CompileProgress;
}

/** The same work with stages joined; as it was where much is stored, or ranks sum in the order of the program. */
export function* joinEqual(
  stages: readonly LoweredStage[],
  storages: Storages,
  { codeOf, maxBindingBytes, progress }: HorizontalOptions,
): Steps<readonly LoweredStage[]> {
  const dispatches = stages.flatMap((s) => s.dispatches);
  const bytes = storages.all.reduce((n, s) => (s.kind === "slot" ? n + s.bytes : n), 0);
  if (bytes > MUCH || dispatches.some((d) => d.kernel === acrossRanks)) return stages;
  const beside = new Beside(storages, maxBindingBytes);
  for (const d of dispatches) keepApart(d, codeOf(d), beside);
  const groups = yield* schedule(entriesOf(stages, storages, codeOf), beside, progress);
  if (groups.length > (1 - WORTH) * stages.length) {
    beside.undo();
    return stages;
  }
  return inParts(
    groups.map((group) => group.map((e) => e.lowered)),
    codeOf,
    storages,
  );
}

/**
 * Keeps apart what a dispatch can't bind in one buffer; what it can goes through one binding then, which only products
 * are slower by.
 */
function keepApart(d: Dispatch, code: string, beside: Beside): void {
  const isApart = !isSmall(d) || isProduct(d) || !canHaveParts(code);
  d.memory.forEach((a, i) => {
    for (const b of d.memory.slice(0, i))
      if (isApart || elementType(code, a.binding) !== elementType(code, b.binding)) beside.keepApart(a, b);
  });
}

const isSmall = ({ cost: { flops, bytes } }: Dispatch): boolean => flops <= LARGE.flops && bytes <= LARGE.bytes;

/** A stage in the making of an order. */
interface Entry {
  readonly lowered: LoweredStage;
  /** The text that the stages of a group have in common; undefined where this one can be in none. */
  readonly text: string | undefined;
  readonly after: Entry[];
  /** How many that come before it are not in the order yet. */
  before: number;
  /** Stages on the longest way from it to the end. */
  height: number;
}

function entriesOf(
  stages: readonly LoweredStage[],
  storages: Storages,
  codeOf: (d: Dispatch) => string,
): readonly Entry[] {
  const entries = stages.map((lowered): Entry => {
    const { dispatches } = lowered;
    const joins = dispatches.length > 0 && dispatches.every((d) => isSmall(d) && canHaveParts(codeOf(d)));
    return { lowered, text: joins ? dispatches.map(codeOf).join("\n") : undefined, after: [], before: 0, height: 0 };
  });
  predecessors(stages, storages).forEach((before, i) => {
    entries[i]!.before = before.size;
    for (const b of before) entries[b]!.after.push(entries[i]!);
  });
  for (const e of [...entries].reverse()) e.height = 1 + Math.max(0, ...e.after.map((a) => a.height));
  return entries;
}

/**
 * Groups in an order in which nothing comes before what it needs: first those that are complete, then those of several,
 * of these the ones that most waits for.
 */
function* schedule(
  entries: readonly Entry[],
  beside: Beside,
  progress: HorizontalOptions["progress"],
): Steps<Entry[][]> {
  const groups: Entry[][] = [];
  const left = new Map<string, number>();
  for (const { text } of entries) if (text !== undefined) left.set(text, (left.get(text) ?? 0) + 1);
  const ready = new Map<string | Entry, Entry[]>();
  const becomesReady = (e: Entry): void => {
    const key = e.text ?? e;
    ready.set(
      key,
      [...(ready.get(key) ?? []), e].sort((a, b) => b.height - a.height),
    );
  };
  const rank = ([key, [first, ...others]]: [string | Entry, Entry[]]): number => {
    const isComplete = typeof key !== "string" || others.length + 1 === left.get(key);
    return (isComplete ? 2 : others.length > 0 ? 1 : 0) * entries.length + first!.height;
  };
  for (const e of entries) if (e.before === 0) becomesReady(e);
  let done = 0;
  while (ready.size > 0) {
    yield progress(done);
    const [key, list] = [...ready].reduce((best, one) => (rank(one) > rank(best) ? one : best));
    const group = groupOf(list, beside);
    groups.push(group);
    done += group.length * group[0]!.lowered.dispatches.length;
    const rest = list.filter((e) => !group.includes(e));
    if (rest.length > 0) ready.set(key, rest);
    else ready.delete(key);
    if (typeof key === "string") left.set(key, left.get(key)! - group.length);
    for (const after of group.flatMap((e) => e.after)) {
      after.before--;
      if (after.before === 0) becomesReady(after);
    }
  }
  return groups;
}

/** The first of these and what goes with it. */
function groupOf([first, ...others]: readonly Entry[], beside: Beside): Entry[] {
  const group = [first!];
  for (const e of others) {
    if (group.length === MOST_PARTS) break;
    const parts = first!.lowered.dispatches.map((_, i) => [...group, e].map(({ lowered }) => lowered.dispatches[i]!));
    const bound = ({ lowered }: Entry) => lowered.dispatches.flatMap((d) => d.memory);
    if (parts.every(isBusy) && beside.lay(bound(first!), bound(e))) group.push(e);
  }
  return group;
}

/** Whether the workgroups of a dispatch that does all of these have work, but for a few. */
function isBusy(parts: readonly Dispatch[]): boolean {
  const grid = gridOf(parts);
  const product = ([x, y, z]: readonly [number, number, number]): number => x * y * z;
  const busy = parts.reduce((n, d) => n + product(d.workgroups), 0);
  return grid[2] <= MOST_GROUPS && product(grid) <= 2 * busy + IDLE_GROUPS;
}
