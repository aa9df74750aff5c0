// Prepared slices on disk: a folder with a file a case. A file is used while every file that its slices were made from
// holds the same bytes, and every setting that shapes a slice is the same; else it is made again. Files are written
// aside and renamed, so that a writer that is killed leaves nothing that is read, and processes may share the folder.
//
//   0   CMEDLSL1
//   8   length of the header, its CRC-32: 32 bits each, little-endian
//   16  the header: JSON
//       of each slice its image, 32-bit floats [size, size], and its mask, bytes [size, size]
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { crc32 } from "../../data/crc32.ts";
import type { PreparedCase } from "../../data/prepare.ts";
import { bytesOfSlices } from "../../data/slices.ts";
import type { ValueStatistics } from "../../data/value-statistics.ts";
import { version } from "../../package.json";
import { fileError, FileError, makeFolder, requireWritable, writeAtomic } from "../files.ts";
import { type Read, areUnchanged, recordReads } from "../reads.ts";
import type { PreparedFile } from "../../data/collect-slices.ts";
import { filesBelow } from "./open.ts";

const MAGIC = "CMEDLSL1";
const PREFIX = 16;
const SUFFIX = ".slices";
/** What a writer that was killed left is removed after so long: none takes it for one case. */
const STALE_MS = 3_600_000;

/** What a file says of its slices. */
export interface EntryHeader extends Omit<PreparedCase, "images" | "masks"> {
  readonly values: ValueStatistics;
  readonly warnings: readonly string[];
  readonly reads: readonly Read[];
  /** CRC-32 of each slice's image and mask. */
  readonly checksums: readonly (readonly [image: number, mask: number])[];
}

/** A case's file, open: what stands in it stays readable though another replaces it. */
export interface CacheEntry {
  readonly path: string;
  readonly file: number;
  readonly header: EntryHeader;
  /** Where the first slice begins. */
  readonly start: number;
}

/** What makes a case's slices what they are, but for the bytes of its files. */
export interface EntryKey {
  readonly case: object;
  readonly settings: object;
}

/** A folder of prepared slices, a file a case, which runs and processes may share. */
export class SliceCache {
  /** How many cases were found as they are needed, and how many were made. */
  found = 0;
  made = 0;

  private constructor(readonly folder: string) {}

  /** A cache in a folder, which is made if need be. Throws FileError where it can't be written to. */
  static async open(folder: string): Promise<SliceCache> {
    await requireWritable(folder);
    await makeFolder(folder);
    for (const name of await readdir(folder)) {
      if (!(name.startsWith(".") && name.includes(SUFFIX) && name.endsWith(".tmp"))) continue;
      const left = await stat(join(folder, name)).catch(() => undefined);
      if (left && Date.now() - left.mtimeMs > STALE_MS) await rm(join(folder, name), { force: true });
    }
    return new SliceCache(resolve(folder));
  }

  /** Bytes of all prepared slices in the folder, of other runs too. */
  async bytes(): Promise<number> {
    let bytes = 0;
    for (const name of await readdir(this.folder))
      if (name.endsWith(SUFFIX)) bytes += (await stat(join(this.folder, name)).catch(() => ({ size: 0 }))).size;
    return bytes;
  }

  /**
   * The case's file: the one that is there, or one made of what `prepare` gives. Throws FileError, and as `prepare`.
   */
  async entry(key: EntryKey, prepare: () => Promise<PreparedFile>): Promise<CacheEntry> {
    const path = join(this.folder, nameOf(key));
    const known = openEntry(path);
    if (known) {
      if (await areUnchanged(known.header.reads, (folder) => filesBelow(folder))) {
        this.found++;
        return known;
      }
      closeSync(known.file);
    }
    const { result, reads } = await recordReads(prepare);
    await writeAtomic(path, entryParts(result, reads));
    this.made++;
    const written = openEntry(path);
    if (written) return written;
    throw new FileError(path, "can't be read back", "check the disk, or name another folder with --cache");
  }
}

/** A file's name follows from the version that prepares, the case with absolute paths, and the settings. */
function nameOf({ case: named, settings }: EntryKey): string {
  const isPath = (name: string): boolean => name === "path" || name.endsWith("Path");
  const text = JSON.stringify([version, named, settings], (name, value: unknown) =>
    isPath(name) && typeof value === "string" ? resolve(value) : value,
  );
  return `${createHash("sha256").update(text).digest("hex").slice(0, 40)}${SUFFIX}`;
}

function* entryParts({ slices, values, warnings }: PreparedFile, reads: readonly Read[]): Generator<Uint8Array> {
  const { images, masks, ...rest } = slices;
  const n = slices.size ** 2;
  const imageAt = (i: number): Uint8Array => new Uint8Array(images.buffer, images.byteOffset + 4 * n * i, 4 * n);
  const maskAt = (i: number): Uint8Array => masks.subarray(n * i, n * (i + 1));
  const checksums = slices.z.map((_, i) => [crc32(imageAt(i)), crc32(maskAt(i))] as const);
  const header: EntryHeader = { ...rest, values, warnings, reads, checksums };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const prefix = new DataView(new ArrayBuffer(PREFIX));
  new Uint8Array(prefix.buffer).set(new TextEncoder().encode(MAGIC));
  prefix.setUint32(8, text.length, true);
  prefix.setUint32(12, crc32(text), true);
  yield new Uint8Array(prefix.buffer);
  yield text;
  for (const i of slices.z.keys()) {
    yield imageAt(i);
    yield maskAt(i);
  }
}

/**
 * The file at `path`; undefined where there is none, or one that is not whole. Throws FileError where it can't be read.
 */
function openEntry(path: string): CacheEntry | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError(path, cause);
  }
  const entry = readHeader(file);
  if (entry) {
    const { header, start } = entry;
    if (fstatSync(file).size === start + bytesOfSlices({ size: header.size, count: header.z.length }))
      return { path, file, ...entry };
  }
  closeSync(file);
  return undefined;
}

function readHeader(file: number): Pick<CacheEntry, "header" | "start"> | undefined {
  const prefix = new Uint8Array(PREFIX);
  if (readSync(file, prefix, 0, PREFIX, 0) < PREFIX) return undefined;
  if (new TextDecoder().decode(prefix.subarray(0, 8)) !== MAGIC) return undefined;
  const view = new DataView(prefix.buffer);
  const length = view.getUint32(8, true);
  const text = new Uint8Array(Math.min(length, 2 ** 28));
  if (readSync(file, text, 0, text.length, PREFIX) < length || crc32(text) !== view.getUint32(12, true))
    return undefined;
  return { header: JSON.parse(new TextDecoder().decode(text)) as EntryHeader, start: PREFIX + length };
}
