// NRRD in: .nrrd, and .nhdr with its data in another file; raw, gzip or text (teem.sourceforge.net/nrrd/format.html).
import { DataError, printable } from "../errors.ts";
import { gunzipBounded } from "../gunzip.ts";
import type { Affine, Shape3, Volume } from "../volume.ts";
import { type ElementName, elementTypes, refuseTooLarge } from "./elements.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";
import { type RawVoxels, gridOf, mmIn, volumeOf } from "./raw-voxels.ts";
import { ownOf } from "../own.ts";

/** The row of the table of formats. */
export const nrrd: ImageFormat = {
  name: "NRRD",
  suffixes: [".nrrd", ".nhdr"],
  beginningBytes: 65536,
  matches: (beginning) => textOf(beginning.subarray(0, 7)) === "NRRD000",
  header: async (file) => parseHeader(await file.beginning(), file.name),
  read: readNrrd,
};

const MEND = "export the image again as NRRD";

interface NrrdHeader extends ImageHeader {
  readonly type: ElementName;
  readonly encoding: "raw" | "gzip" | "text";
  readonly littleEndian: boolean;
  /** Where the data begin in the header's own file. */
  readonly dataStart: number;
  readonly dataFile: string | undefined;
  readonly lineSkip: number;
  /** −1: the data are the file's last bytes. */
  readonly byteSkip: number;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

const types: Readonly<Record<string, ElementName>> = {
  "signed char": "int8",
  int8: "int8",
  int8_t: "int8",
  uchar: "uint8",
  "unsigned char": "uint8",
  uint8: "uint8",
  uint8_t: "uint8",
  short: "int16",
  "short int": "int16",
  "signed short": "int16",
  "signed short int": "int16",
  int16: "int16",
  int16_t: "int16",
  ushort: "uint16",
  "unsigned short": "uint16",
  "unsigned short int": "uint16",
  uint16: "uint16",
  uint16_t: "uint16",
  int: "int32",
  "signed int": "int32",
  int32: "int32",
  int32_t: "int32",
  uint: "uint32",
  "unsigned int": "uint32",
  uint32: "uint32",
  uint32_t: "uint32",
  longlong: "int64",
  "long long": "int64",
  "long long int": "int64",
  "signed long long": "int64",
  "signed long long int": "int64",
  int64: "int64",
  int64_t: "int64",
  ulonglong: "uint64",
  "unsigned long long": "uint64",
  "unsigned long long int": "uint64",
  uint64: "uint64",
  uint64_t: "uint64",
  float: "float32",
  double: "float64",
};
const encodings: Readonly<Record<string, NrrdHeader["encoding"]>> = {
  raw: "raw",
  gzip: "gzip",
  gz: "gzip",
  txt: "text",
  text: "text",
  ascii: "text",
};

/** Header lines up to the empty one, and where the data follow. */
function linesOf(bytes: Uint8Array, name: string): { fields: Map<string, string>; dataStart: number } {
  const fields = new Map<string, string>();
  let at = 0;
  for (let line = 0; at < bytes.length; line++) {
    const end = bytes.indexOf(10, at);
    const stop = end < 0 ? bytes.length : end;
    const text = textOf(bytes.subarray(at, stop)).replace(/\r$/, "");
    at = stop + 1;
    if (text === "") return { fields, dataStart: at };
    // "key:=value" is the writer's own, and "#" begins a comment.
    const field = line > 0 && !text.startsWith("#") && !text.includes(":=") ? /^([^:]+): ?(.*)$/.exec(text) : null;
    if (field) {
      const key = field[1]!.trim().toLowerCase();
      if (fields.has(key)) throw new DataError(name, printable(key, 40), "is there twice", MEND);
      fields.set(key, field[2]!.trim());
    }
  }
  // A detached header may end without an empty line.
  return { fields, dataStart: bytes.length };
}

function parseHeader(bytes: Uint8Array, name: string): NrrdHeader {
  if (textOf(bytes.subarray(0, 7)) !== "NRRD000")
    throw new DataError(name, "magic", "is not NRRD000…: no NRRD file", "give a .nrrd or .nhdr file");
  const { fields, dataStart } = linesOf(bytes, name);
  const fail = (field: string, problem: string, mend = MEND): never => {
    throw new DataError(name, field, printable(problem, 120), mend);
  };
  const need = (field: string): string => fields.get(field) ?? fail(field, "is missing");
  const type =
    ownOf(types, need("type").toLowerCase()) ?? fail("type", `${need("type")} is not one plain number a voxel`);
  const encoding = ownOf(encodings, need("encoding").toLowerCase());
  if (!encoding) fail("encoding", `${need("encoding")} is not read, only raw, gzip and ascii`);
  const axes = axesOf(fields, need("dimension"), need("sizes"), fail);
  const { shape } = axes;
  refuseTooLarge(shape, elementTypes[type].bytes, name, "sizes");
  const endian = fields.get("endian")?.toLowerCase();
  if (elementTypes[type].bytes > 1 && encoding !== "text" && endian !== "little" && endian !== "big")
    fail("endian", `${endian ?? "is missing"}, where little or big is due`);
  const dataFile = fields.get("data file") ?? fields.get("datafile");
  if (dataFile !== undefined && (/^LIST\b/.test(dataFile) || /%[\d.-]*d/.test(dataFile)))
    fail("data file", `${dataFile} names several files, where one is read`, "join them to one NRRD file");
  const count = (field: string, least: number): number => {
    const text = fields.get(field) ?? fields.get(field.replace(" ", "")) ?? "0";
    const n = Number(text);
    return Number.isInteger(n) && n >= least && n <= 2 ** 31 ? n : fail(field, `${text} is no count of bytes or lines`);
  };
  return {
    ...gridOf({ shape, ...placeOf(fields, axes, fail) }, name),
    type,
    encoding: encoding!,
    littleEndian: endian !== "big",
    dataStart,
    dataFile,
    lineSkip: count("line skip", 0),
    byteSkip: count("byte skip", -1),
  };
}

type Fail = (field: string, problem: string, mend?: string) => never;

/** The volume's axes: those of one value that have no direction, such as a list of one channel, are left out. */
interface Axes {
  readonly shape: Shape3;
  /** How many the header has, and which of them are the volume's. */
  readonly dimension: number;
  readonly kept: readonly number[];
  /** Where the header tells them; undefined of an axis that has none. */
  readonly directions: readonly (number[] | undefined)[] | undefined;
}

function axesOf(fields: Map<string, string>, dimension: string, sizes: string, fail: Fail): Axes {
  const numbers = sizes.split(/\s+/).map(Number);
  if (Number(dimension) !== numbers.length) fail("sizes", `${sizes} are not the ${dimension} of dimension`);
  if (!numbers.every((n) => Number.isInteger(n) && n >= 1)) fail("sizes", `${sizes} are no sizes`);
  const text = fields.get("space directions");
  const length = fields.has("space") ? 3 : Number(fields.get("space dimension") ?? 3);
  const all = text === undefined ? undefined : vectorsOf(text, length, "space directions", fail);
  if (all && all.length !== numbers.length) fail("space directions", `${text} are not the ${dimension} of dimension`);
  const isLeftOut = (i: number): boolean => numbers[i] === 1 && (all ? all[i] === undefined : i > 2);
  const kept = [...numbers.keys()].filter((i) => !isLeftOut(i));
  if (kept.length > 3) fail("dimension", `${dimension}: one volume of one value a voxel is read`, "extract a volume");
  const [nx = 1, ny = 1, nz = 1] = kept.map((i) => numbers[i]!);
  return { shape: [nx, ny, nz], dimension: numbers.length, kept, directions: all && kept.map((i) => all[i]) };
}

/** "(1,0,0) none (0,0,3)" as vectors of `length` numbers; undefined for none. */
function vectorsOf(text: string, length: number, field: string, fail: Fail): (number[] | undefined)[] {
  const words = text.match(/none|\([^)]*\)/g) ?? [];
  return words.map((word) => {
    if (word === "none") return undefined;
    const vector = word.slice(1, -1).split(",").map(Number);
    return vector.length === length && vector.every(Number.isFinite)
      ? vector
      : fail(field, `${text} is not ${length} numbers each`);
  });
}

/** Millimetres in each of the units that a field lists in quotes; of a millimetre where it is absent. */
function unitsOf(fields: Map<string, string>, field: string, fail: Fail): (i: number) => number {
  const named = fields.get(field)?.match(/"[^"]*"/g) ?? [];
  const mm = named.map((quoted) => {
    const unit = quoted.slice(1, -1);
    return mmIn(unit) ?? fail(field, `${unit} is no unit of length`, "write places and voxel sizes in mm");
  });
  return (i) => mm[i] ?? 1;
}

/** Signs that turn a space's axes to right, anterior, superior. */
const spaces: Readonly<Record<string, readonly [number, number, number]>> = {
  "right-anterior-superior": [1, 1, 1],
  ras: [1, 1, 1],
  "left-anterior-superior": [-1, 1, 1],
  las: [-1, 1, 1],
  "left-posterior-superior": [-1, -1, 1],
  lps: [-1, -1, 1],
};

/** The affine where the header names a space, else voxel sizes alone. */
function placeOf(
  fields: Map<string, string>,
  { shape, dimension, kept, directions }: Axes,
  fail: Fail,
): { affine?: Affine; spacing?: number[] } {
  const space = fields.get("space");
  if (directions === undefined) {
    const spacing = fields.get("spacings")?.split(/\s+/).map(Number);
    if (!spacing)
      return fail("space directions", "is missing, and spacings too", "write the voxel size into the header");
    if (spacing.length !== dimension)
      return fail("spacings", `${fields.get("spacings")} are not the ${dimension} of dimension`);
    const mm = unitsOf(fields, "units", fail);
    return { spacing: [...kept.map((i) => spacing[i]! * mm(i)), 1, 1].slice(0, 3) };
  }
  const [x, y, third] = directions;
  if (x === undefined || y === undefined || (third === undefined && shape[2] > 1))
    return fail("space directions", `${fields.get("space directions")}: an axis of the volume has none`);
  const mm = unitsOf(fields, "space units", fail);
  // A space without a name has sizes, and says nothing of the patient.
  if (space === undefined && fields.has("space dimension"))
    return { spacing: [x, y, third].map((v) => (v ? Math.hypot(...v.map((c, i) => c * mm(i))) : 1)) };
  const signs = ownOf(spaces, space?.toLowerCase() ?? "");
  if (!signs) return fail("space", `${space ?? "is missing"}: not one of RAS, LAS, LPS`);
  // A flat image's third axis stands upright on it, a millimetre long.
  const normal = [x[1]! * y[2]! - x[2]! * y[1]!, x[2]! * y[0]! - x[0]! * y[2]!, x[0]! * y[1]! - x[1]! * y[0]!];
  const z = third ?? normal.map((v, i) => v / Math.hypot(...normal) / mm(i));
  const [origin = [0, 0, 0]] = vectorsOf(fields.get("space origin") ?? "(0,0,0)", 3, "space origin", fail);
  return {
    affine: [...[0, 1, 2].flatMap((i) => [x, y, z, origin].map((v) => signs[i]! * mm(i) * v[i]!)), 0, 0, 0, 1],
  };
}

async function readNrrd(file: ImageFile): Promise<Volume> {
  const bytes = await file.bytes();
  const header = parseHeader(bytes, file.name);
  const data = await dataOf(file, bytes, header);
  return volumeOf({ ...header, data }, file.name);
}

/** Header's or other file's bytes from the data on. */
async function dataOf(file: ImageFile, own: Uint8Array, header: NrrdHeader): Promise<RawVoxels["data"]> {
  const { dataFile, shape, type, encoding, byteSkip } = header;
  const other = dataFile === undefined ? undefined : await file.beside(dataFile);
  if (dataFile !== undefined && !other)
    throw new DataError(file.name, "data file", `${printable(dataFile)} is not there`, "put it beside the header");
  let data = other ?? own.subarray(header.dataStart);
  for (let line = 0; line < header.lineSkip; line++) data = data.subarray(data.indexOf(10) + 1 || data.length);
  const wanted = shape[0] * shape[1] * shape[2] * elementTypes[type].bytes;
  if (encoding === "gzip") {
    const { content } = gunzipBounded(data as Uint8Array<ArrayBuffer>, file.name, 1, () => {
      if (wanted + Math.max(0, byteSkip) > data.length * 1032)
        throw new DataError(file.name, "sizes", `${wanted} bytes are more than ${data.length} of gzip can hold`, MEND);
      return wanted + Math.max(0, byteSkip);
    });
    return content.subarray(Math.max(0, byteSkip));
  }
  if (byteSkip === -1 && data.length > wanted) return data.subarray(data.length - wanted);
  data = data.subarray(Math.max(0, byteSkip));
  return encoding === "text" ? textOf(data).trim() : data;
}
