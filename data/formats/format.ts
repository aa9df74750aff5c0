// What a format of image files must do: one file beside this one and one row in index.ts are all that a new one needs.
import type { Affine, Geometry, Shape3, Volume } from "../volume.ts";

/** What a file tells of its volume before any voxel is read. */
export type ImageHeader = Pick<Volume, "shape" | "spacingMm" | "affine" | "oriented" | "geometry" | "warnings">;

/** Voxels that can be written. */
export type WritableVoxels = Uint8Array<ArrayBuffer> | Int16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** Where voxels that are written stand: a volume, or as much of one as a file says. */
export interface Placement {
  readonly name: string;
  readonly shape: Shape3;
  readonly affine: Affine;
  readonly geometry: Geometry;
}

/** A file that is read as far as is needed. */
export interface ImageFile {
  /** Its path, for messages. */
  readonly name: string;
  /** Its first bytes, at least `beginningBytes` of its format where it has as many. */
  beginning(): Promise<Uint8Array>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** How many bytes it has, where that is known without reading them: what its beginning claims is judged by it. */
  size?(): Promise<number>;
  /** The bytes of a file that this one names, in the same folder; undefined where there is none. */
  beside(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

type Awaitable<T> = T | Promise<T>;

/** How files of a folder are one image, a slice or more each. */
export interface FolderFormat {
  /** What the files tell before any voxel is read. `folder` is what a DataError calls them. Throws DataError. */
  header(files: readonly ImageFile[], folder: string): Awaitable<ImageHeader>;
  /** The whole volume. Throws DataError before it makes memory that a lie asks for. */
  read(files: readonly ImageFile[], folder: string): Awaitable<Volume>;
}

export interface ImageFormat {
  /** As users know it, such as "NIfTI". */
  readonly name: string;
  /** Ends of its files' names, with the dot and in small letters. */
  readonly suffixes: readonly string[];
  /** This many bytes of a file's beginning are enough for `matches` and `header`. */
  readonly beginningBytes: number;
  /** Whether a file that begins so is of this format; never throws. */
  matches(beginning: Uint8Array): boolean;
  /** The header, from a file's beginning alone where that tells it. Throws DataError. */
  header(file: ImageFile): Awaitable<ImageHeader>;
  /** The whole volume, its voxels in stored order. Throws DataError before it makes memory that a lie asks for. */
  read(file: ImageFile): Awaitable<Volume>;
  /** Where a folder of its files is one image; its files are then no images by their names alone. */
  readonly folder?: FolderFormat;
  /**
   * The bytes of a file named `file` that holds `data` where `like` holds its own voxels, in the same order. Absent
   * where the format is only read.
   */
  write?(data: WritableVoxels, like: Placement, file: string): Uint8Array<ArrayBuffer>;
}
