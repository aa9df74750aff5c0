// The safetensors format: [u64 header length][JSON header][raw little-endian data]. Read without trust, written in
// one fixed order.

import { DataError } from "../errors.ts";
import { refuseSubstitute } from "./substitute.ts";

/** Element types by their name in the file; 16-bit floats stay raw bits. */
const ELEMENTS = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  U32: Uint32Array,
  I32: Int32Array,
  F32: Float32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
  F64: Float64Array,
} as const;

export type SafetensorsDType = keyof typeof ELEMENTS;
export type SafetensorsData = InstanceType<(typeof ELEMENTS)[SafetensorsDType]>;

export interface SafetensorsTensor {
  readonly dtype: SafetensorsDType;
  /** Row-major sizes; [] is a scalar. */
  readonly shape: readonly number[];
  /** A view of the file's bytes where alignment allows, else a copy. */
  readonly data: SafetensorsData;
}

export interface Safetensors {
  readonly tensors: Map<string, SafetensorsTensor>;
  readonly metadata: Map<string, string>;
}

/** The largest header the format allows, in bytes. */
const MAX_HEADER = 100_000_000;
const MAX_RANK = 32;

type Fail = (field: string, problem: string, mend?: string) => never;

/** Text of a file made safe to print: JSON-quoted, ASCII, no markup, at most 60 characters. */
function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short).replace(/[^ -;=?-~…]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const describe = (value: unknown): string =>
  typeof value === "string" ? quoted(value) : quoted(JSON.stringify(value) ?? "nothing").slice(1, -1);
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);
const isSize = (v: unknown): v is number => typeof v === "number" && Number.isSafeInteger(v) && v >= 0;
const areSizes = (v: unknown): v is number[] => Array.isArray(v) && v.every(isSize);
const isDType = (v: unknown): v is SafetensorsDType => typeof v === "string" && Object.hasOwn(ELEMENTS, v);

/**
 * Whether a file that begins so is of this format: a length below 4 GiB as eight bytes, the lowest first, and then a
 * JSON object. No pickle and no zip has four zero bytes at that place.
 */
export const isSafetensors = (bytes: Uint8Array): boolean =>
  bytes.length > 8 && bytes[8] === "{".charCodeAt(0) && bytes.subarray(4, 8).every((b) => b === 0);

/**
 * Parses a whole file. `file` names it in errors.
 * Throws DataError where the bytes break the format: lengths, UTF-8, JSON, a name twice, offsets that overlap,
 * leave holes or pass the end, or a shape that does not fit its bytes.
 */
export function readSafetensors(bytes: Uint8Array, file = "safetensors"): Safetensors {
  refuseSubstitute(bytes, file, "model");
  const fail: Fail = (field, problem, mend = "copy or export it again") => {
    throw new DataError(file, field, problem, mend);
  };
  const { header, start } = readHeader(bytes, fail);
  const data = bytes.subarray(start);
  const tensors = new Map<string, SafetensorsTensor>();
  const ranges: DataRange[] = [];
  let metadata = new Map<string, string>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = readMetadata(entry, fail);
    else {
      const { dtype, shape, begin, end } = readEntry(`tensor ${quoted(name)}`, entry, data.length, fail);
      ranges.push({ name, begin, end });
      tensors.set(name, { dtype, shape, data: elements(dtype, data.subarray(begin, end)) });
    }
  }
  checkCoverage(ranges, data.length, fail);
  return { tensors, metadata };
}

function readMetadata(entry: unknown, fail: Fail): Map<string, string> {
  if (!isObject(entry)) return fail("__metadata__", `is ${describe(entry)}, not a map of strings to strings`);
  const metadata = new Map<string, string>();
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== "string") fail("__metadata__", `${quoted(key)} is ${describe(value)}, not a string`);
    metadata.set(key, value);
  }
  return metadata;
}

/** Bytes of the data that a tensor takes, `end` excluded. */
interface DataRange {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

interface Entry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** One tensor's entry of the header, held against the `length` bytes of data. `tensor` names it in errors. */
function readEntry(tensor: string, entry: unknown, length: number, fail: Fail): Entry {
  if (!isObject(entry)) return fail(tensor, `is ${describe(entry)}, not an object of dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets, ...rest } = entry;
  for (const [field, value] of Object.entries({ dtype, shape, data_offsets: offsets }))
    if (value === undefined) fail(tensor, `has no ${field}`);
  const [surplus] = Object.keys(rest);
  if (surplus !== undefined) fail(tensor, `has an unknown field ${quoted(surplus)}`);
  if (!isDType(dtype))
    return fail(tensor, `has dtype ${describe(dtype)}`, `use one of ${Object.keys(ELEMENTS).join(", ")}`);
  if (!areSizes(shape) || shape.length > MAX_RANK)
    return fail(tensor, `has shape ${describe(shape)}, not at most ${MAX_RANK} whole numbers ≥ 0`);
  if (!areSizes(offsets)) return fail(tensor, `has data_offsets ${describe(offsets)}, not two whole numbers`);
  const [begin, end, more] = offsets;
  if (begin === undefined || end === undefined || more !== undefined)
    return fail(tensor, `has data_offsets ${describe(offsets)}, not two whole numbers`);
  if (begin > end || end > length)
    fail(tensor, `has data_offsets [${begin}, ${end}] outside the ${length} bytes of data`);
  const need = shape.includes(0) ? 0 : shape.reduce((n, d) => n * d, ELEMENTS[dtype].BYTES_PER_ELEMENT);
  if (need !== end - begin) {
    const needs = `${dtype} [${shape.join(", ")}] needs ${need} bytes`;
    fail(tensor, `${needs}, its data_offsets [${begin}, ${end}] hold ${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

/** The bytes as elements: a view where alignment allows, else a copy. */
function elements(dtype: SafetensorsDType, bytes: Uint8Array): SafetensorsData {
  const Elements = ELEMENTS[dtype];
  const width = Elements.BYTES_PER_ELEMENT;
  const count = bytes.length / width;
  if (bytes.byteOffset % width === 0) return new Elements(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  // A copy made by hand: a Node Buffer's slice() would share its memory.
  return new Elements(Uint8Array.from(bytes).buffer, 0, count);
}

/** Throws where tensors overlap, leave holes, or don't fill the data. */
function checkCoverage(ranges: DataRange[], length: number, fail: Fail): void {
  let covered = 0;
  for (const { name, begin, end } of ranges.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const where = `begins at byte ${begin} of the data where ${covered} was due`;
      fail(`tensor ${quoted(name)}`, `${where}: tensors must neither overlap nor leave holes`);
    }
    covered = end;
  }
  if (covered !== length) fail("data", `${length - covered} bytes follow the last tensor`);
}

/** The header as parsed JSON, and where the data begins. */
function readHeader(bytes: Uint8Array, fail: Fail): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) fail("file", `too short: ${bytes.length} bytes, need 8`);
  const n = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (n > BigInt(bytes.length - 8)) fail("header length", `${n} exceeds file size ${bytes.length}`);
  if (n > BigInt(MAX_HEADER)) fail("header length", `${n} exceeds the ${MAX_HEADER} bytes that the format allows`);
  const start = 8 + Number(n);
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, start));
  } catch {
    fail("header", "is not UTF-8 text");
  }
  if (!text.startsWith("{")) fail("header", `begins with ${quoted(text.slice(0, 1))} instead of "{"`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    fail("header", `is no complete JSON (${n} bytes)`);
  }
  if (!isObject(header)) return fail("header", "is no JSON object");
  const fault = structuralFault(text);
  if (fault !== undefined) fail("header", fault);
  return { header, start };
}

/** What JSON.parse lets pass: a key twice within one object, or nesting deeper than { tensor { shape [ ] } }. */
function structuralFault(json: string): string | undefined {
  /** The keys of each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === "{") open.push(new Set());
    else if (c === "[") open.push(null);
    else if (c === "}" || c === "]") open.pop();
    if (open.length > 3) return "nests deeper than a tensor's shape";
    if (c !== '"') continue;
    const from = i;
    i = endOfString(json, from);
    const keys = open.at(-1);
    if (!keys || !followedByColon(json, i)) continue;
    const key = JSON.parse(json.slice(from, i + 1)) as string;
    if (keys.has(key)) return `names ${quoted(key)} twice`;
    keys.add(key);
  }
  return undefined;
}

/** Where the string that opens at `from` closes, in JSON that is known to be sound. */
function endOfString(json: string, from: number): number {
  let i = from + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i;
}

function followedByColon(json: string, end: number): boolean {
  let i = end + 1;
  while (/\s/.test(json[i] ?? "")) i++;
  return json[i] === ":";
}

/** What a tensor is written from: f32 unless `dtype` says otherwise. */
export interface TensorToWrite {
  readonly dtype?: SafetensorsDType;
  readonly shape: readonly number[];
  readonly data: SafetensorsData;
}

/**
 * The bytes of a file: the same bytes for the same tensors and metadata, whatever their order.
 * The data begins at a multiple of 8 and wider elements come first, so every tensor is aligned.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, TensorToWrite]>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array<ArrayBuffer> {
  const widthOf = ({ data }: TensorToWrite): number => data.BYTES_PER_ELEMENT;
  const sorted = [...tensors].sort((a, b) => widthOf(b[1]) - widthOf(a[1]) || byName(a, b));
  const header: [string, unknown][] = [];
  const strings = [...metadata].sort(byName);
  if (strings.length) header.push(["__metadata__", Object.fromEntries(strings)]);
  const seen = new Set(["__metadata__"]);
  let at = 0;
  for (const [name, tensor] of sorted) {
    checkTensor(name, tensor, seen);
    seen.add(name);
    const { dtype = "F32", shape, data } = tensor;
    header.push([name, { dtype, shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  // fromEntries defines own properties, so that even "__proto__" is a plain key.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(json, 8);
  let to = 8 + length;
  for (const [, { data }] of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
    to += data.byteLength;
  }
  return bytes;
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  if (a[0] === b[0]) return 0;
  return a[0] < b[0] ? -1 : 1;
}

/** Throws DataError where the name is taken, or shape and data don't agree. */
function checkTensor(name: string, { dtype = "F32", shape, data }: TensorToWrite, taken: ReadonlySet<string>): void {
  const fail = (problem: string, mend: string): never => {
    throw new DataError("safetensors", `tensor ${quoted(name)}`, problem, mend);
  };
  if (taken.has(name)) fail("the name is taken", "give each tensor a name of its own");
  const count = shape.reduce((n, d) => n * d, 1);
  if (data instanceof ELEMENTS[dtype] && data.length === count) return;
  const needs = `${dtype} [${shape.join(", ")}] needs a ${ELEMENTS[dtype].name} of ${count}`;
  fail(`${needs}, got a ${data.constructor.name} of ${data.length}`, "make shape and data agree");
}

/** The values as f32: widens 16-bit floats, rounds f64 and integers. */
export function toFloat32({ dtype, data }: SafetensorsTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (dtype === "BF16") return new Float32Array(Uint32Array.from(data as Uint16Array, (bits) => bits << 16).buffer);
  if (dtype === "F16") return Float32Array.from(data as Uint16Array, halfToFloat);
  return Float32Array.from(data as ArrayLike<number | bigint>, Number);
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
}
