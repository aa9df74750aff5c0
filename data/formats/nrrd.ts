// NRRD in: .nrrd, and .nhdr with its data in another file; raw, gzip or text (teem.sourceforge.net/nrrd/format.html).
import { DataError, printable } from "../errors.ts";
import { gunzipBounded } from "../gunzip.ts";
import type { Affine, Shape3, Volume } from "../volume.ts";
import { type ElementName, elementTypes, refuseTooLarge } from "./elements.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";
import { type RawVoxels, gridOf, volumeOf } from "./raw-voxels.ts";
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
  const type = ownOf(types, need("type")) ?? fail("type", `${need("type")} is not one plain number a voxel`);
  const encoding = ownOf(encodings, need("encoding").toLowerCase());
  if (!encoding) fail("encoding", `${need("encoding")} is not read, only raw, gzip and ascii`);
  const shape = shapeOf(need("dimension"), need("sizes"), fail);
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
    ...gridOf({ shape, ...placeOf(fields, shape, fail) }, name),
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

function shapeOf(dimension: string, sizes: string, fail: Fail): Shape3 {
  const numbers = sizes.split(/\s+/).map(Number);
  if (Number(dimension) !== numbers.length) fail("sizes", `${sizes} are not the ${dimension} of dimension`);
  if (numbers.length > 3)
    fail("dimension", `${dimension}: one volume of one value a voxel is read`, "extract a volume");
  if (!numbers.every((n) => Number.isInteger(n) && n >= 1)) fail("sizes", `${sizes} are no sizes`);
  const [nx = 1, ny = 1, nz = 1] = numbers;
  return [nx, ny, nz];
}

/** "(1,0,0) none (0,0,3)" as vectors; undefined for none. */
function vectorsOf(text: string, field: string, fail: Fail): (number[] | undefined)[] {
  const words = text.match(/none|\([^)]*\)/g) ?? [];
  return words.map((word) => {
    if (word === "none") return undefined;
    const vector = word.slice(1, -1).split(",").map(Number);
    return vector.length === 3 && vector.every(Number.isFinite)
      ? vector
      : fail(field, `${text} is not three numbers each`);
  });
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

/** The affine where the header names a space, else the spacings alone. */
function placeOf(fields: Map<string, string>, shape: Shape3, fail: Fail): { affine?: Affine; spacing?: number[] } {
  const dimension = Number(fields.get("dimension"));
  const directions = fields.get("space directions");
  const space = fields.get("space");
  if (directions === undefined) {
    const spacing = fields.get("spacings")?.split(/\s+/).map(Number);
    if (!spacing)
      return fail("space directions", "is missing, and spacings too", "write the voxel size into the header");
    if (spacing.length !== dimension)
      return fail("spacings", `${fields.get("spacings")} are not the ${dimension} of dimension`);
    return { spacing: spacing.concat(1, 1).slice(0, 3) };
  }
  const signs = ownOf(spaces, space?.toLowerCase() ?? "");
  if (!signs) return fail("space", `${space ?? "is missing"}: not one of RAS, LAS, LPS`);
  const columns = vectorsOf(directions, "space directions", fail);
  if (columns.length !== dimension)
    return fail("space directions", `${directions} are not the ${dimension} of dimension`);
  const [x, y, third] = columns;
  if (x === undefined || y === undefined || (third === undefined && shape[2] > 1))
    return fail("space directions", `${directions}: an axis of the volume has none`);
  // A flat image's third axis stands upright on it, a millimetre long.
  const normal = [x[1]! * y[2]! - x[2]! * y[1]!, x[2]! * y[0]! - x[0]! * y[2]!, x[0]! * y[1]! - x[1]! * y[0]!];
  const z = third ?? normal.map((v) => v / Math.hypot(...normal));
  const [origin = [0, 0, 0]] = vectorsOf(fields.get("space origin") ?? "(0,0,0)", "space origin", fail);
  return { affine: [...[0, 1, 2].flatMap((i) => [x, y, z, origin].map((v) => signs[i]! * v[i]!)), 0, 0, 0, 1] };
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
