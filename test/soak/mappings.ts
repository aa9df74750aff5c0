// What of this process's memory is resident, by what it was mapped for. Linux tells it; elsewhere there is none.
import { readFileSync } from "node:fs";

/** Size of a heap that glibc gives a thread; it begins at a multiple of its size. */
const ARENA = 64 * 2 ** 20;

/**
 * Bytes by kind: the allocator's first heap and those of other threads, V8's pages and what else is anonymous, files.
 */
export function residentByKind(): ReadonlyMap<string, number> {
  const kinds = new Map<string, number>();
  let text: string;
  try {
    text = readFileSync("/proc/self/smaps", "utf8");
  } catch {
    return kinds;
  }
  let kind = "";
  for (const line of text.split("\n")) {
    const head = /^([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$/.exec(line);
    if (head) kind = kindOf(parseInt(head[1]!, 16), head[2]!);
    const resident = /^Rss:\s+(\d+)/.exec(line);
    if (resident) kinds.set(kind, (kinds.get(kind) ?? 0) + 1024 * Number(resident[1]));
  }
  return kinds;
}

function kindOf(start: number, name: string): string {
  if (name === "[heap]") return "allocator";
  if (name.startsWith("/")) return "files";
  if (name !== "") return "stacks";
  return start % ARENA === 0 ? "allocator of threads" : "V8 and mapped";
}
