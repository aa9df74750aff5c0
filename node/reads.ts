// What a piece of work read from disk, so that its result can be kept and be known to be still right.
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { relative, resolve } from "node:path";

/** A file, whole or its first bytes, a file's being there, or the names of the files below a folder. */
export interface Read {
  readonly what: "file" | "beginning" | "existence" | "listing";
  /** Absolute. */
  readonly path: string;
  /** Of a beginning: how many bytes. */
  readonly count?: number;
  /** SHA-256 of what was found. */
  readonly sha256: string;
}

const recorder = new AsyncLocalStorage<Map<string, Read>>();

/** What `work` gives, and all that it read by node/files.ts and node/dataset. Concurrent works are kept apart. */
export async function recordReads<T>(work: () => Promise<T>): Promise<{ result: T; reads: readonly Read[] }> {
  const reads = new Map<string, Read>();
  const result = await recorder.run(reads, work);
  return { result, reads: [...reads.values()] };
}

/** Notes that `content` was found where something is recorded: of a file its bytes, of a listing its names. */
export function noteRead(what: Read["what"], path: string, content: Uint8Array | string, count?: number): void {
  const reads = recorder.getStore();
  if (!reads) return;
  const absolute = resolve(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  reads.set(`${what} ${count ?? ""} ${absolute}`, {
    what,
    path: absolute,
    sha256,
    ...(count !== undefined && { count }),
  });
}

/** The content that is noted of a file's being there. */
export const existence = (isThere: boolean): string => (isThere ? "there" : "absent");
/** The content that is noted of a folder's files. */
export const listing = (folder: string, files: readonly string[]): string =>
  files.map((file) => relative(folder, file)).join("\0");

/** Whether all that was read is still found so. `list` gives the files below a folder as they were noted. */
export async function areUnchanged(
  reads: readonly Read[],
  list: (folder: string) => Promise<readonly string[]>,
): Promise<boolean> {
  for (const { what, path, count, sha256 } of reads) {
    const found = await digestNow(what, path, count, list).catch(() => undefined);
    if (found !== sha256) return false;
  }
  return true;
}

async function digestNow(
  what: Read["what"],
  path: string,
  count: number | undefined,
  list: (folder: string) => Promise<readonly string[]>,
): Promise<string> {
  const hash = createHash("sha256");
  if (what === "listing") return hash.update(listing(path, await list(path))).digest("hex");
  if (what === "existence") {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    return hash.update(existence(isThere)).digest("hex");
  }
  if (count === 0) return hash.digest("hex");
  const bytes = createReadStream(path, count === undefined ? {} : { end: count - 1 });
  for await (const part of bytes) hash.update(part as Buffer);
  return hash.digest("hex");
}
