// A small writer of DICOM for tests: attributes as they are given, in the order of their tags, in any syntax.
import { deflateSync } from "fflate";
import { fileOfBytes } from "../../data/formats/index.ts";
import type { ImageFile } from "../../data/formats/format.ts";
import type { Volume } from "../../data/volume.ts";

/** [tag, VR, value]: text, numbers of the VR's width, bytes, or items of a sequence. */
export type Attribute = readonly [
  tag: number,
  vr: string,
  value: string | number | readonly number[] | Uint8Array | readonly (readonly Attribute[])[],
];

export interface Writing {
  readonly syntax?: string;
  /** Default true. */
  readonly preamble?: boolean;
}

const EXPLICIT = "1.2.840.10008.1.2.1";
export const IMPLICIT = "1.2.840.10008.1.2";
export const BIG = "1.2.840.10008.1.2.2";
export const DEFLATED = "1.2.840.10008.1.2.1.99";

const isNumbers = (value: Attribute[2]): value is readonly number[] =>
  Array.isArray(value) && value.every((v) => typeof v === "number");

function valueBytes(vr: string, value: Attribute[2], little: boolean, explicit: boolean): number[] {
  if (value instanceof Uint8Array) return [...value, ...(value.length % 2 ? [0] : [])];
  if (typeof value === "string") {
    const bytes = [...new TextEncoder().encode(value)];
    return bytes.length % 2 ? [...bytes, vr === "UI" ? 0 : 32] : bytes;
  }
  if (typeof value === "number" || isNumbers(value)) {
    const width = { US: 2, SS: 2, OW: 2, AT: 2, UL: 4, SL: 4, FL: 4, FD: 8 }[vr] ?? 1;
    return [value].flat().flatMap((v) => {
      const view = new DataView(new ArrayBuffer(width));
      if (vr === "FD") view.setFloat64(0, v, little);
      else if (vr === "FL") view.setFloat32(0, v, little);
      else if (width === 4) view.setUint32(0, v, little);
      else if (width === 2) view.setUint16(0, v & 0xffff, little);
      else view.setUint8(0, v & 0xff);
      return [...new Uint8Array(view.buffer)];
    });
  }
  return (value as readonly (readonly Attribute[])[]).flatMap((item) => {
    const inside = item.flatMap((a) => attributeBytes(a, little, explicit));
    return [...tagBytes(0xfffee000, little), ...long(inside.length, little), ...inside];
  });
}

const short = (n: number, little: boolean): number[] => (little ? [n & 255, n >>> 8] : [n >>> 8, n & 255]);
const long = (n: number, little: boolean): number[] =>
  little
    ? [...short(n & 0xffff, true), ...short(n >>> 16, true)]
    : [...short(n >>> 16, false), ...short(n & 0xffff, false)];
const tagBytes = (tag: number, little: boolean): number[] => [
  ...short(tag >>> 16, little),
  ...short(tag & 0xffff, little),
];

function attributeBytes([tag, vr, value]: Attribute, little: boolean, explicit: boolean): number[] {
  const bytes = valueBytes(vr, value, little, explicit);
  const head = tagBytes(tag, little);
  if (!explicit) return [...head, ...long(bytes.length, little), ...bytes];
  const letters = [...vr].map((c) => c.charCodeAt(0));
  return /^(OB|OD|OF|OL|OW|SQ|UC|UN|UR|UT)$/.test(vr)
    ? [...head, ...letters, 0, 0, ...long(bytes.length, little), ...bytes]
    : [...head, ...letters, ...short(bytes.length, little), ...bytes];
}

/** The bytes of a DICOM file. */
export function dicomBytes(attributes: readonly Attribute[], { syntax = EXPLICIT, preamble = true }: Writing = {}) {
  const little = syntax !== BIG;
  const body = attributes.flatMap((a) => attributeBytes(a, little, syntax !== IMPLICIT));
  if (!preamble) return Uint8Array.from(body);
  const meta = attributeBytes([0x00020010, "UI", syntax], true, true);
  const data = syntax === DEFLATED ? deflateSync(Uint8Array.from(body)) : body;
  return Uint8Array.from([...new Uint8Array(128), ...[..."DICM"].map((c) => c.charCodeAt(0)), ...meta, ...data]);
}

/** Encapsulated pixels: an empty offset table, and a fragment each. */
export const encapsulated = (...fragments: readonly Uint8Array[]): Attribute[] => encapsulatedWith([], fragments);

/** Encapsulated pixels with the offset table of some of their fragments. */
export function encapsulatedWith(first: readonly number[], fragments: readonly Uint8Array[]): Attribute[] {
  const item = (bytes: readonly number[]): number[] => [
    ...tagBytes(0xfffee000, true),
    ...long(bytes.length, true),
    ...bytes,
  ];
  const ends: number[] = [];
  for (const f of fragments) ends.push((ends.at(-1) ?? 0) + 8 + f.length + (f.length % 2));
  const table = first.flatMap((fragment) => long(ends[fragment - 1] ?? 0, true));
  const inside = [...item(table), ...fragments.flatMap((f) => item([...f, ...(f.length % 2 ? [0] : [])]))];
  return [[ENCAPSULATED, "OB", Uint8Array.from([...inside, ...tagBytes(0xfffee0dd, true), 0, 0, 0, 0])]];
}
/** Stands for pixels whose length is not told. */
const ENCAPSULATED = 0x7fe00010;

/** The same with an undefined length of its pixels, as encapsulated ones have. */
export function withUndefinedLength(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  for (let i = out.length - 12; i >= 0; i--)
    if (out[i] === 0xe0 && out[i + 1] === 0x7f && out[i + 2] === 0x10 && out[i + 3] === 0 && out[i + 4] === 79) {
      out.fill(255, i + 8, i + 12);
      return out;
    }
  throw new Error("no pixels");
}

export interface SliceOptions extends Writing {
  readonly modality?: string;
  readonly z?: number;
  readonly position?: string;
  readonly orientation?: string;
  readonly series?: string;
  readonly sop?: string;
  readonly instance?: number;
  readonly spacing?: string;
  readonly rows?: number;
  readonly columns?: number;
  readonly pixels?: readonly number[] | Uint8Array;
  readonly bits?: readonly [allocated: number, stored: number, high: number];
  readonly signed?: boolean;
  readonly slope?: string;
  readonly intercept?: string;
  readonly photometric?: string;
  /** More attributes, or others in place of these. */
  readonly more?: readonly Attribute[];
}

/** One slice of 3 columns and 2 rows, unless told otherwise. */
export function sliceBytes(o: SliceOptions = {}): Uint8Array<ArrayBuffer> {
  const { rows = 2, columns = 3, z = 0, bits = [16, 16, 15], signed = false } = o;
  const pixels = o.pixels ?? Array.from({ length: rows * columns }, (_, i) => i);
  const attributes: Attribute[] = [
    [0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"],
    [0x00080018, "UI", o.sop ?? `1.2.${z + 1000}`],
    [0x00080060, "CS", o.modality ?? "CT"],
    [0x00100020, "LO", "P1"],
    [0x0020000e, "UI", o.series ?? "1.2.3"],
    [0x00200013, "IS", String(o.instance ?? 1)],
    [0x00200032, "DS", o.position ?? `10\\20\\${z}`],
    [0x00200037, "DS", o.orientation ?? "1\\0\\0\\0\\1\\0"],
    [0x00200052, "UI", "1.2.9"],
    [0x00280002, "US", 1],
    [0x00280004, "CS", o.photometric ?? "MONOCHROME2"],
    [0x00280010, "US", rows],
    [0x00280011, "US", columns],
    [0x00280030, "DS", o.spacing ?? "0.5\\0.25"],
    [0x00280100, "US", bits[0]],
    [0x00280101, "US", bits[1]],
    [0x00280102, "US", bits[2]],
    [0x00280103, "US", signed ? 1 : 0],
    [0x00281052, "DS", o.intercept ?? "0"],
    [0x00281053, "DS", o.slope ?? "1"],
    [0x7fe00010, bits[0] === 16 ? "OW" : "OB", pixels],
  ];
  const others = new Map((o.more ?? []).map((a) => [a[0], a]));
  const kept = attributes.filter(([tag]) => !others.has(tag)).concat([...others.values()]);
  return dicomBytes(
    kept.sort((a, b) => a[0] - b[0]),
    o,
  );
}

export const sliceFile = (options: SliceOptions = {}, name = `z${options.z ?? 0}.dcm`): ImageFile =>
  fileOfBytes(sliceBytes(options), name);

/** What an enhanced file says of one frame. */
export const frame = (z: number, slope: string): readonly Attribute[] => [
  [0x00209113, "SQ", [[[0x00200032, "DS", `1\\2\\${z}`]]]],
  [
    0x00289145,
    "SQ",
    [
      [
        [0x00281052, "DS", "0"],
        [0x00281053, "DS", slope],
      ],
    ],
  ],
];
/** What it says of all frames. */
const shared: readonly Attribute[] = [
  [0x00209116, "SQ", [[[0x00200037, "DS", "1\\0\\0\\0\\1\\0"]]]],
  [
    0x00289110,
    "SQ",
    [
      [
        [0x00180050, "DS", "2"],
        [0x00280030, "DS", "0.5\\0.25"],
      ],
    ],
  ],
];
/** An enhanced file of frames of 3 columns and 2 rows. */
export const multiFrame = (frames: readonly (readonly Attribute[])[]): SliceOptions => ({
  pixels: Array.from({ length: 6 * frames.length }, (_, i) => i),
  more: [
    [0x00280008, "IS", String(frames.length)],
    [0x52009229, "SQ", [shared]],
    [0x52009230, "SQ", frames],
  ],
});

/**
 * The files of a series that holds a volume in Left-Posterior-Superior order, whole numbers, from its first slice on.
 */
export function seriesBytes(
  { data, shape: [columns, rows, slices], spacingMm: [sx, sy, sz] }: Pick<Volume, "data" | "shape" | "spacingMm">,
  options: SliceOptions = {},
): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: slices }, (_, z) =>
    sliceBytes({
      rows,
      columns,
      signed: true,
      spacing: `${sy}\\${sx}`,
      position: `0\\0\\${z * sz}`,
      sop: `${options.series ?? "1.2.3"}.${z + 1}`,
      pixels: Array.from(data.subarray(z * rows * columns, (z + 1) * rows * columns)),
      ...options,
    }),
  );
}
