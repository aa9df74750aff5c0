// MetaImage in: .mha, and .mhd with its data in another file; raw or zlib (itk.org/Wiki/ITK/MetaIO/Documentation).
import { DataError, printable } from "../errors.ts";
import { inflateBounded, inflateUpTo } from "../inflate.ts";
import type { Affine, Shape3, Volume } from "../volume.ts";
import { type ElementName, elementTypes, refuseTooLarge } from "./elements.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";
import { gridOf, mmIn, volumeOf } from "./raw-voxels.ts";
import { type Scaling, rescaled } from "./scaling.ts";
import { ownOf } from "../own.ts";

/** The row of the table of formats. */
export const metaImage: ImageFormat = {
  name: "MetaImage",
  suffixes: [".mha", ".mhd"],
  beginningBytes: 65536,
  matches: (beginning) => /^\s*(ObjectType|NDims|Comment)\s*=/.test(textOf(beginning.subarray(0, 256))),
  header: async (file) => parseHeader(await file.beginning(), file.name),
  read: readMetaImage,
};

const MEND = "export the image again as MetaImage";
const textOf = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

interface MetaHeader extends ImageHeader, Scaling {
  readonly elementType: string;
  readonly type: ElementName;
  readonly littleEndian: boolean;
  readonly text: boolean;
  readonly compressed: boolean;
  readonly dataFile: string;
  readonly dataStart: number;
  /** −1: the data are the file's last bytes. */
  readonly skip: number;
}

const types: Readonly<Record<string, ElementName>> = {
  MET_CHAR: "int8",
  MET_UCHAR: "uint8",
  MET_SHORT: "int16",
  MET_USHORT: "uint16",
  MET_INT: "int32",
  MET_UINT: "uint32",
  // Four bytes, as in MetaIO's own table.
  MET_LONG: "int32",
  MET_ULONG: "uint32",
  MET_LONG_LONG: "int64",
  MET_ULONG_LONG: "uint64",
  MET_FLOAT: "float32",
  MET_DOUBLE: "float64",
};

/** Fields up to ElementDataFile, which is the last, and where the data follow. */
function fieldsOf(bytes: Uint8Array, name: string): { fields: Map<string, string>; dataStart: number } {
  const fields = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const stop = end < 0 ? bytes.length : end;
    const field = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(textOf(bytes.subarray(at, Math.min(stop, at + 4096))));
    at = stop + 1;
    if (!field) continue;
    const key = field[1]!.toLowerCase();
    if (fields.has(key)) throw new DataError(name, field[1]!, "is there twice", MEND);
    fields.set(key, field[2]!);
    if (key === "elementdatafile") return { fields, dataStart: at };
  }
  throw new DataError(name, "ElementDataFile", "is missing", MEND);
}

function parseHeader(bytes: Uint8Array, name: string): MetaHeader {
  const { fields, dataStart } = fieldsOf(bytes, name);
  const fail = (field: string, problem: string, mend = MEND): never => {
    throw new DataError(name, field, printable(problem, 120), mend);
  };
  const get = (field: string): string | undefined => fields.get(field.toLowerCase());
  const isTrue = (field: string): boolean => /^(true|1|yes)$/i.test(get(field) ?? "");
  const rank = Number(get("NDims") ?? fail("NDims", "is missing"));
  if (!(Number.isInteger(rank) && rank >= 2 && rank <= 7)) fail("NDims", `${rank} is no number of axes from 2 to 7`);
  const numbers = (field: string, count: number): number[] | undefined => {
    const text = get(field);
    const values = text?.split(/\s+/).map(Number);
    if (values && !(values.length === count && values.every(Number.isFinite)))
      fail(field, `${text} is not ${count} numbers`);
    return values;
  };
  const sizes = numbers("DimSize", rank) ?? fail("DimSize", "is missing");
  if (!sizes.every((n) => Number.isInteger(n) && n >= 1)) fail("DimSize", `${sizes.join(" ")} are no sizes`);
  if (sizes.slice(3).some((n) => n > 1)) fail("DimSize", `${sizes.join(" ")}: one volume is read`, "extract a volume");
  const [nx = 1, ny = 1, nz = 1] = sizes;
  const shape: Shape3 = [nx, ny, nz];
  const elementType = get("ElementType") ?? fail("ElementType", "is missing");
  const type = ownOf(types, elementType) ?? fail("ElementType", `${elementType} is not one plain number a voxel`);
  const channels = Number(get("ElementNumberOfChannels") ?? 1);
  if (channels !== 1) fail("ElementNumberOfChannels", `${channels}: one value a voxel is read`, "extract a channel");
  refuseTooLarge(shape, elementTypes[type].bytes, name, "DimSize");
  const dataFile = get("ElementDataFile")!;
  if (/^LIST\b/.test(dataFile) || /%[\d.-]*d/.test(dataFile))
    fail("ElementDataFile", `${dataFile} names several files, where one is read`, "join them to one file");
  const [isBigEndian = false, other] = ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"]
    .filter((field) => get(field) !== undefined)
    .map(isTrue);
  if (other !== undefined && other !== isBigEndian)
    fail("ElementByteOrderMSB", "is not what BinaryDataByteOrderMSB is");
  const skip = Number(get("HeaderSize") ?? 0);
  if (!(Number.isInteger(skip) && skip >= -1 && skip <= 2 ** 31)) fail("HeaderSize", `${skip} is no count of bytes`);
  const [slope = 1] = numbers("ElementToIntensityFunctionSlope", 1) ?? [];
  const [intercept = 0] = numbers("ElementToIntensityFunctionOffset", 1) ?? [];
  if (slope === 0) fail("ElementToIntensityFunctionSlope", "is 0: all values would be the same");
  const grid = gridOf({ shape, ...placeOf(rank, numbers, mmOf(get("DistanceUnits") ?? "", fail), fail) }, name);
  return {
    ...grid,
    warnings: [...grid.warnings, ...scalingWarnings(name, { slope, intercept })],
    elementType,
    type,
    slope,
    intercept,
    littleEndian: !isBigEndian,
    text: get("BinaryData") !== undefined && !isTrue("BinaryData"),
    compressed: isTrue("CompressedData"),
    dataFile,
    dataStart,
    skip,
  };
}

const scalingWarnings = (name: string, { slope, intercept }: Scaling): string[] =>
  slope === 1 && intercept === 0
    ? []
    : [
        `${printable(name)}: values are stored · ${slope} + ${intercept}, as ElementToIntensityFunctionSlope and ` +
          "-Offset say; ITK, and what is built on it, takes them as stored.",
      ];

type Fail = (field: string, problem: string, mend?: string) => never;

const mmOf = (unit: string, fail: Fail): number =>
  mmIn(unit) ?? fail("DistanceUnits", `${unit} is no unit of length`, "write voxel sizes and offset in mm");

/** The affine of TransformMatrix (an axis's direction a row, in LPS), ElementSpacing and Offset, which have a unit. */
function placeOf(
  rank: number,
  numbers: (field: string, count: number) => number[] | undefined,
  unitMm: number,
  fail: Fail,
): { affine?: Affine; spacing?: number[] } {
  const inMm = (field: string): number[] | undefined => numbers(field, rank)?.map((v) => v * unitMm);
  const spacing = inMm("ElementSpacing") ?? inMm("ElementSize");
  if (!spacing) return fail("ElementSpacing", "is missing", "write the voxel size into the header");
  const matrix =
    numbers("TransformMatrix", rank ** 2) ?? numbers("Orientation", rank ** 2) ?? numbers("Rotation", rank ** 2);
  const origin = inMm("Offset") ?? inMm("Position") ?? inMm("Origin");
  if (!matrix && !origin) return { spacing: [...spacing, 1].slice(0, 3) };
  // Two axes are those of a slice that lies in the third.
  const at = (axis: number, world: number): number =>
    axis < rank && world < rank ? (matrix?.[axis * rank + world] ?? Number(axis === world)) : Number(axis === world);
  const size = (axis: number): number => spacing[axis] ?? 1;
  const row = (world: number, sign: number): number[] =>
    [at(0, world) * size(0), at(1, world) * size(1), at(2, world) * size(2), origin?.[world] ?? 0].map((v) => sign * v);
  return { affine: [...row(0, -1), ...row(1, -1), ...row(2, 1), 0, 0, 0, 1] };
}

async function readMetaImage(file: ImageFile): Promise<Volume> {
  const own = await file.bytes();
  const header = parseHeader(own, file.name);
  const { dataFile, dataStart, skip, shape, type, elementType } = header;
  const isLocal = /^local$/i.test(dataFile);
  const other = isLocal ? undefined : await file.beside(dataFile);
  if (!isLocal && !other)
    throw new DataError(
      file.name,
      "ElementDataFile",
      `${printable(dataFile)} is not there`,
      "put it beside the header",
    );
  const bytes = other ?? own.subarray(dataStart);
  const wanted = shape[0] * shape[1] * shape[2] * elementTypes[type].bytes;
  const start = skip === -1 ? Math.max(0, bytes.length - wanted) : skip;
  const stored = bytes.subarray(start);
  if (/^MET_U?LONG$/.test(elementType) && !header.text) {
    // A program that writes a C long as it is has eight bytes on most machines.
    const held = header.compressed ? inflateUpTo(stored, 2 * wanted, file.name, "zlib") : skip === -1 ? bytes : stored;
    if (held.length >= 2 * wanted)
      throw new DataError(
        file.name,
        "ElementType",
        `${elementType} has 4 bytes a voxel, the data have 8`,
        `write ${elementType}_LONG, or export the image again`,
      );
  }
  const data = header.compressed ? inflateBounded(stored, wanted, file.name, "zlib") : stored;
  const volume = volumeOf({ ...header, data: header.text ? textOf(data).trim() : data }, file.name);
  return { ...volume, data: rescaled(volume.data, header) };
}
