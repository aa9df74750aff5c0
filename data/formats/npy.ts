// NumPy's .npy in (numpy.org/neps/nep-0001-npy-format.html): the last axis is a slice's columns, the one before its
// rows, the one before that its slices; axes of one before them are left out. A last axis of one may be a channel: it
// is refused.
import { DataError, printable } from "../errors.ts";
import { type Shape3, type Volume, type VoxelArray, voxelCount } from "../volume.ts";
import { type ElementName, elementTypes, refuseTooLarge } from "./elements.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";
import { gridOf, volumeOf } from "./raw-voxels.ts";
import { rescaled } from "./scaling.ts";
import { sidecarOf } from "./sidecar.ts";
import { ownOf } from "../own.ts";

/** The row of the table of formats. */
export const npy: ImageFormat = {
  name: "NumPy",
  suffixes: [".npy"],
  beginningBytes: 4096,
  matches: (beginning) => MAGIC.every((b, i) => beginning[i] === b),
  header: async (file) => headerOf(parseHeader(await file.beginning(), file.name), file),
  read: readNpy,
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MEND = "save it again by numpy.save";

interface NpyHeader {
  readonly type: ElementName;
  readonly littleEndian: boolean;
  /** The first index is the fastest. */
  readonly fortran: boolean;
  /** Slices, rows, columns. */
  readonly sizes: readonly [number, number, number];
  readonly dataStart: number;
}

const types: Readonly<Record<string, ElementName>> = {
  b1: "uint8",
  u1: "uint8",
  i1: "int8",
  u2: "uint16",
  i2: "int16",
  u4: "uint32",
  i4: "int32",
  u8: "uint64",
  i8: "int64",
  f4: "float32",
  f8: "float64",
};

function parseHeader(bytes: Uint8Array, name: string): NpyHeader {
  const fail = (field: string, problem: string, mend = MEND): never => {
    throw new DataError(name, field, printable(problem, 120), mend);
  };
  if (!npy.matches(bytes)) fail("magic", "is not that of a .npy file", "give a .npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 0;
  const start = major === 1 ? 10 : 12;
  if (![1, 2, 3].includes(major)) fail("version", `${major} is not 1, 2 or 3`);
  if (bytes.length < start) fail("header", "is cut");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataStart = start + length;
  if (dataStart > bytes.length) fail("header", `${length} bytes long, in ${bytes.length - start}`);
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, dataStart));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1] ?? fail("descr", "is not one plain type");
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1] ?? fail("fortran_order", "is missing");
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1] ?? fail("shape", "is missing");
  const type =
    ownOf(types, descr.slice(1)) ??
    fail("descr", `${descr} is not one plain number a voxel`, "save it as int16 or float32");
  const all = (shape.match(/\d+/g) ?? []).map(Number);
  if (all.some((n) => n < 1)) fail("shape", `(${shape}) holds no voxel`);
  if (all.length > 2 && all.at(-1) === 1)
    fail(
      "shape",
      `(${shape}) ends in an axis of one: a channel of rows and columns, or slices of one column`,
      "save array[..., 0] of it, whose last two axes are rows and columns",
    );
  // Channels of one, as in [slices, 1, rows, columns].
  const axes = all.filter((n, i) => n > 1 || i >= all.length - 2);
  if (axes.length > 3 || axes.length < 2) fail("shape", `(${shape}) is not slices, rows, columns`, "save one volume");
  const sizes = (axes.length === 2 ? [1, ...axes] : axes) as unknown as NpyHeader["sizes"];
  refuseTooLarge(sizes, elementTypes[type].bytes, name, "shape");
  return { type, littleEndian: descr[0] !== ">", fortran: order === "True", sizes, dataStart };
}

const shapeOf = ({ sizes: [slices, rows, columns] }: NpyHeader): Shape3 => [columns, rows, slices];

async function headerOf(header: NpyHeader, file: ImageFile): Promise<ImageHeader> {
  return gridOf({ shape: shapeOf(header), spacing: (await sidecarOf(file)).spacingMm }, file.name);
}

async function readNpy(file: ImageFile): Promise<Volume> {
  const bytes = await file.bytes();
  const header = parseHeader(bytes, file.name);
  const { type, littleEndian, dataStart } = header;
  const told = await headerOf(header, file);
  const volume = volumeOf({ ...told, type, littleEndian, data: bytes.subarray(dataStart) }, file.name);
  const data = header.fortran ? columnsFastest(volume.data, header) : volume.data;
  return { ...volume, data: rescaled(data, await sidecarOf(file)) };
}

/** Voxels whose slices run fastest, turned so that columns do. */
function columnsFastest(data: VoxelArray, header: NpyHeader): VoxelArray {
  const [slices, rows, columns] = header.sizes;
  const out = new (data.constructor as new (n: number) => VoxelArray)(voxelCount(shapeOf(header)));
  let o = 0;
  for (let z = 0; z < slices; z++)
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) out[o++] = data[z + slices * (y + rows * x)]!;
  return out;
}
