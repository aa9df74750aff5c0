// What formats of a text header and plain voxels share: a grid from an affine or voxel sizes, and a volume from bytes.
import { mat4d } from "wgpu-matrix";
import { DataError, printable } from "../errors.ts";
import { nonFiniteCount } from "../percentiles.ts";
import { type Affine, type Shape3, type Volume, type VoxelArray, sformGeometry, voxelCount } from "../volume.ts";
import { type ElementName, elementTypes, elementsOf } from "./elements.ts";
import type { ImageHeader } from "./format.ts";
import { ownOf } from "../own.ts";

const MEND = "export the image again";

const units: Readonly<Record<string, number>> = {
  "": 1,
  "?": 1,
  mm: 1,
  millimeter: 1,
  millimeters: 1,
  cm: 10,
  centimeter: 10,
  centimeters: 10,
  m: 1000,
  meter: 1000,
  meters: 1000,
  um: 1e-3,
  µm: 1e-3,
  μm: 1e-3,
  micron: 1e-3,
  microns: 1e-3,
  micrometer: 1e-3,
  micrometers: 1e-3,
};

/** Millimetres in a unit of length by its name; 1 where it tells none, undefined where it is another. */
export const mmIn = (unit: string): number | undefined => ownOf(units, unit.trim().toLowerCase());

/** A header from an affine in NIfTI's directions, else from voxel sizes in mm, of which it says nothing where. */
export function gridOf(
  {
    shape,
    affine,
    spacing,
  }: { readonly shape: Shape3; readonly affine?: Affine; readonly spacing?: readonly number[] },
  name: string,
): ImageHeader {
  const [sx, sy, sz] = spacing ?? [1, 1, 1];
  const placed = affine ?? [sx!, 0, 0, 0, 0, sy!, 0, 0, 0, 0, sz!, 0, 0, 0, 0, 1];
  const size = [0, 1, 2].map((i) => Math.hypot(placed[i]!, placed[4 + i]!, placed[8 + i]!));
  const wrong = size.findIndex((s) => !(s > 0 && s < 1e6));
  if (wrong >= 0) throw new DataError(name, "spacing", `${size[wrong]} is no voxel size of axis ${wrong + 1}`, MEND);
  const volume = Math.abs(mat4d.determinant(Float64Array.from(placed)));
  if (!(volume > 1e-6 * size[0]! * size[1]! * size[2]!) || !placed.every(Number.isFinite))
    throw new DataError(name, "directions", "are no three directions", MEND);
  const spacingMm = size as unknown as ImageHeader["spacingMm"];
  const oriented = affine !== undefined;
  const warnings = oriented
    ? []
    : [`${printable(name)}: nothing tells where the voxels are: slices are taken as they are stored.`];
  const clean = placed.map((v) => (v === 0 ? 0 : v));
  const geometry = sformGeometry(clean, spacingMm, oriented ? 1 : 0);
  return { shape, spacingMm, affine: clean, oriented, geometry, warnings };
}

export interface RawVoxels extends ImageHeader {
  readonly type: ElementName;
  readonly littleEndian: boolean;
  /** Bytes, or numbers as text with white space between. */
  readonly data: Uint8Array | string;
}

/** The volume of raw voxels. Throws DataError where there are too few. */
export function volumeOf({ type, littleEndian, data, ...header }: RawVoxels, name: string): Volume {
  const voxels = typeof data === "string" ? fromText(data, header.shape, type, name) : fromBytes();
  const { shape, spacingMm, affine, oriented, geometry } = header;
  const count = nonFiniteCount(voxels);
  if (count === voxels.length) throw new DataError(name, "data", "no voxel is finite", MEND);
  const warnings = [...header.warnings];
  if (count > 0)
    warnings.push(`${printable(name)}: ${count} voxels are NaN or infinite: they are taken for background.`);
  return { name, data: voxels, shape, spacingMm, affine, oriented, geometry, warnings };

  function fromBytes(): VoxelArray {
    const bytes = data as Uint8Array;
    const wanted = voxelCount(header.shape) * elementTypes[type].bytes;
    if (bytes.length < wanted)
      throw new DataError(name, "data", `expected ${wanted} bytes, the file has ${bytes.length}`, "copy it again");
    return elementsOf(new Uint8Array(bytes.subarray(0, wanted)), type, littleEndian);
  }
}

function fromText(text: string, shape: Shape3, type: ElementName, name: string): VoxelArray {
  const wanted = voxelCount(shape);
  // A digit and a space for each, before memory is made.
  if (text.length < 2 * wanted - 1)
    throw new DataError(name, "data", `${text.length} characters hold no ${wanted} numbers`, "copy it again");
  const words = text.split(/[\s,]+/);
  if (words.length < wanted)
    throw new DataError(name, "data", `expected ${wanted} numbers, the file has ${words.length}`, "copy it again");
  const out = elementsOf(new Uint8Array(wanted * elementTypes[type].bytes), type, true);
  for (let i = 0; i < wanted; i++) {
    const value = words[i] === "" ? Number.NaN : Number(words[i]);
    if (Number.isNaN(value) && !/^nan$/i.test(words[i]!))
      throw new DataError(name, "data", `${printable(words[i]!, 20)} is no number`, MEND);
    out[i] = value;
  }
  return out;
}
