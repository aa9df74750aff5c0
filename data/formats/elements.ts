// The types of numbers that files hold their voxels in, how many of them are read, and raw bytes as numbers.
import { DataError } from "../errors.ts";
import { type Shape3, type VoxelArray, voxelCount } from "../volume.ts";

/** What is read of a file's numbers: 64-bit integers become float64, all else keeps its type. */
export type ElementName =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "uint64"
  | "int64"
  | "float32"
  | "float64";

export interface ElementType {
  readonly name: ElementName;
  readonly bytes: 1 | 2 | 4 | 8;
}

const type = (name: ElementName, bytes: ElementType["bytes"]): ElementType => ({ name, bytes });

export const elementTypes: Readonly<Record<ElementName, ElementType>> = {
  uint8: type("uint8", 1),
  int8: type("int8", 1),
  uint16: type("uint16", 2),
  int16: type("int16", 2),
  uint32: type("uint32", 4),
  int32: type("int32", 4),
  uint64: type("uint64", 8),
  int64: type("int64", 8),
  float32: type("float32", 4),
  float64: type("float64", 8),
};

/** Voxels of one volume may fill this much as they are stored; more is refused rather than tried. */
const MAX_VOXEL_BYTES = 2 ** 31;

/** Throws DataError where a volume of that shape would be too large to read; `field` is what tells its shape. */
export function refuseTooLarge(shape: Shape3, bytesPerVoxel: number, name: string, field: string): void {
  const bytes = voxelCount(shape) * bytesPerVoxel;
  if (bytes <= MAX_VOXEL_BYTES) return;
  const problem = `${shape.join(" × ")} would fill ${bytes} bytes, more than ${MAX_VOXEL_BYTES}`;
  throw new DataError(name, field, problem, "crop the volume");
}

/** `raw`, which owns its buffer and is turned to this machine's byte order in place, as numbers. */
export function elementsOf(raw: Uint8Array<ArrayBuffer>, name: ElementName, littleEndian: boolean): VoxelArray {
  if (!littleEndian) swapBytes(raw, elementTypes[name].bytes);
  const { buffer } = raw;
  switch (name) {
    case "uint8":
      return raw;
    case "int8":
      return new Int8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int64":
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case "uint64":
      return Float64Array.from(new BigUint64Array(buffer), Number);
  }
}

function swapBytes(raw: Uint8Array, width: number): void {
  for (let i = 0; i + width <= raw.length; i += width)
    for (let a = i, b = i + width - 1; a < b; a++, b--) {
      const low = raw[a]!;
      raw[a] = raw[b]!;
      raw[b] = low;
    }
}
