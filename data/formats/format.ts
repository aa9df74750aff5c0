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

export interface ImageFormat {
  /** As users know it, such as "NIfTI". */
  readonly name: string;
  /** Ends of its files' names, with the dot and in small letters. */
  readonly suffixes: readonly string[];
  /** This many bytes of a file's beginning are enough for `matches` and `header`. */
  readonly beginningBytes: number;
  /** Whether a file that begins so is of this format; never throws. */
  matches(beginning: Uint8Array): boolean;
  /** The header, from a file's beginning alone. `file` names it in errors. Throws DataError. */
  header(beginning: Uint8Array, file: string): ImageHeader;
  /** The whole volume, its voxels in stored order. Throws DataError before it makes memory that a lie asks for. */
  read(bytes: Uint8Array, file: string): Volume;
  /**
   * The bytes of a file named `file` that holds `data` where `like` holds its own voxels, in the same order. Absent
   * where the format is only read.
   */
  write?(data: WritableVoxels, like: Placement, file: string): Uint8Array<ArrayBuffer>;
}
