// What comes after what: stages that meet in memory, before it is known which slots that is.
import { contentKey } from "../fuse/memory.ts";
import type { LoweredStage } from "../lower/lower.ts";
import type { Storage } from "./memory.ts";
import type { Storages } from "./storages.ts";

/** A run of bytes of a storage, which a stage reads or writes. */
interface Access {
  readonly stage: number;
  readonly content: unknown;
  readonly storage: Storage;
  readonly from: number;
  readonly to: number;
  readonly written: boolean;
}

const meet = (a: Access, b: Access): boolean => a.stage !== b.stage && a.from < b.to && b.from < a.to;

/**
 * For each stage those that must come before it: that write what it reads or writes, or read what it writes over. What
 * writes one tensor writes parts of it, each element once, in any order.
 */
export function predecessors(stages: readonly LoweredStage[], storages: Storages): ReadonlySet<number>[] {
  const reads = new Map<Storage, Access[]>();
  const writes = new Map<Storage, Access[]>();
  return stages.map(({ dispatches }, stage) => {
    const before = new Set<number>();
    const own = dispatches.flatMap((d) =>
      d.memory.map(({ access, memory }): Access => {
        const { storage, offset } = storages.place(memory);
        const content = contentKey(memory.content);
        return { stage, content, storage, from: offset, to: offset + memory.bytes, written: access === "read_write" };
      }),
    );
    for (const a of own) {
      for (const b of writes.get(a.storage) ?? [])
        if (meet(a, b) && !(a.written && a.content === b.content)) before.add(b.stage);
      if (a.written) for (const b of reads.get(a.storage) ?? []) if (meet(a, b)) before.add(b.stage);
    }
    for (const a of own) {
      const accesses = a.written ? writes : reads;
      const known = accesses.get(a.storage);
      if (known) known.push(a);
      else accesses.set(a.storage, [a]);
    }
    return before;
  });
}
