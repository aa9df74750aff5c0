// Slices that stay on disk: each is read from its case's file when it is asked for.
import { closeSync, readSync } from "node:fs";
import { crc32 } from "../../data/crc32.ts";
import { originsOf } from "../../data/prepare.ts";
import { type SliceOrigin, type SliceSet, type Slices, bytesOfSlices, sliceSet } from "../../data/slices.ts";
import { FileError } from "../files.ts";
import type { CacheEntry } from "./slice-cache.ts";

/** Slices of cases that stay on disk, and are read one by one. */
export class CachedSlices implements Slices {
  readonly #entries: CacheEntry[] = [];
  /** The number of each entry's first slice. */
  readonly #first: number[] = [];
  readonly #origins: SliceOrigin[] = [];

  constructor(readonly size: number) {}

  /** Adds a case's slices behind those before; the entry's file is closed with the set. */
  add(entry: CacheEntry): void {
    this.#entries.push(entry);
    this.#first.push(this.count);
    this.#origins.push(...originsOf([entry.header]));
  }

  /** Number of slices. */
  get count(): number {
    return this.#origins.length;
  }
  /** The case and the plane of each slice. */
  get origins(): readonly SliceOrigin[] {
    return this.#origins;
  }
  /** Of all images and masks. */
  get bytes(): number {
    return bytesOfSlices(this);
  }
  /** Foreground voxels of the volumes, and those of them that lie outside the fields. */
  get foreground(): number {
    return this.#entries.reduce((sum, { header }) => sum + header.foreground, 0);
  }
  /** Those of the foreground voxels that lie outside the fields. */
  get outsideField(): number {
    return this.#entries.reduce((sum, { header }) => sum + header.outsideField, 0);
  }

  /** Throws FileError where the file can't be read, or is damaged. */
  copyImage(index: number, target: Float32Array, at = 0): void {
    const n = this.size ** 2;
    this.#read(index, 0, new Uint8Array(target.buffer, target.byteOffset + 4 * at, 4 * n));
  }

  /** Throws FileError where the file can't be read, or is damaged. */
  copyMask(index: number, target: Uint8Array, at = 0): void {
    this.#read(index, 1, target.subarray(at, at + this.size ** 2));
  }

  #read(index: number, part: 0 | 1, bytes: Uint8Array): void {
    if (!(index >= 0 && index < this.count)) throw new RangeError(`there is no slice ${index} of ${this.count}`);
    const e = this.#first.findLastIndex((first) => first <= index);
    const { path, file, header, start } = this.#entries[e]!;
    const slice = index - this.#first[e]!;
    const n = this.size ** 2;
    const read = readSync(
      file,
      bytes,
      0,
      bytes.length,
      start + bytesOfSlices({ size: this.size, count: slice }) + part * 4 * n,
    );
    if (read !== bytes.length || crc32(bytes) !== header.checksums[slice]![part])
      throw new FileError(
        path,
        `slice ${header.z[slice]} of ${header.id} is damaged`,
        "delete the file: it is made anew; and check the disk",
      );
  }

  /** All slices in memory; the files are closed. Throws FileError as copyImage. */
  inMemory(): SliceSet {
    const { size, count } = this;
    const held = [...this.origins];
    const n = size ** 2;
    const images = new Float32Array(count * n);
    const masks = new Uint8Array(count * n);
    for (let i = 0; i < count; i++) {
      this.copyImage(i, images, i * n);
      this.copyMask(i, masks, i * n);
    }
    this.close();
    return sliceSet({ size, count, images, masks, origins: held });
  }

  /** Closes the files; no slice can be read then. */
  close(): void {
    for (const { file } of this.#entries.splice(0)) closeSync(file);
    this.#first.length = 0;
    this.#origins.length = 0;
  }
}
