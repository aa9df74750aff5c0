// A DICOM file's bytes to its attributes, in every transfer syntax, with or without preamble and meta header. All that
// a hostile file could lie about is checked here or where it is used, before memory is made.
import dicomParser, { type DataSet } from "dicom-parser";
import { DataError } from "../../errors.ts";
import { maxDeflateRatio } from "../../gunzip.ts";
import { inflateBounded, inflateUpTo } from "../../inflate.ts";
import { DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, tagOf } from "./dictionary.ts";
import { PREFIX_END, hasPrefix, syntaxOfAttributes } from "./syntax.ts";
import { Tags, decoderOf } from "./tags.ts";

/** A file's attributes, and how its pixels are stored. */
export interface DicomFile {
  readonly name: string;
  readonly syntax: string;
  readonly tags: Tags;
  /** Bytes of the whole file; undefined where only its beginning was seen, and nothing tells. */
  readonly fileBytes: number | undefined;
}

const MEND = "copy or export the DICOM again";

/**
 * The attributes of a whole file, or up to its pixels of its beginning: `bytes` are then a part of `fileBytes`, if that
 * is known. Throws DataError where they can't be read.
 */
export function parseDicom(
  bytes: Uint8Array,
  name: string,
  head?: { readonly fileBytes: number | undefined },
): DicomFile {
  const { syntax, body } = open(bytes, name);
  const encoding = [IMPLICIT_LITTLE, EXPLICIT_BIG].includes(syntax) ? syntax : EXPLICIT_LITTLE;
  const parse = (part: Uint8Array, untilPixels: boolean): DataSet =>
    parseAttributes(part, encoding, name, untilPixels ? tagOf.PixelData : undefined);
  const whole = syntax === DEFLATED ? inflated(body, name, (head) => parse(head, true)) : body;
  const set = parse(whole, head !== undefined);
  refuseRepeated(set, encoding, name);
  const characters = decoderOf(set.string(tagOf.SpecificCharacterSet));
  return { name, syntax, tags: new Tags(name, set, characters), fileBytes: head ? head.fileBytes : bytes.length };
}

/** The transfer syntax, and the data set behind preamble and meta header. */
function open(bytes: Uint8Array, name: string): { syntax: string; body: Uint8Array } {
  if (bytes.length === 0) throw new DataError(name, "file", "is empty", MEND);
  const startsWithMeta = bytes[0] === 2 && bytes[1] === 0;
  if (!hasPrefix(bytes) && !startsWithMeta) {
    const syntax = syntaxOfAttributes(bytes);
    if (syntax === undefined) throw new DataError(name, "file", "begins like no DICOM file", "give a DICOM file");
    return { syntax, body: bytes };
  }
  // dicom-parser reads a meta header only behind a preamble.
  const withPreamble = startsWithMeta ? prefixed(bytes) : bytes;
  const { told, end } = readMeta(withPreamble, name);
  const body = withPreamble.subarray(end);
  const syntax = told || syntaxOfAttributes(body);
  if (syntax === undefined)
    throw new DataError(name, "TransferSyntaxUID (0002,0010)", "is missing, and the data set does not tell it", MEND);
  return { syntax, body };
}

function readMeta(bytes: Uint8Array, name: string): { told: string | undefined; end: number } {
  try {
    const meta: DataSet & { position?: number } = dicomParser.readPart10Header(bytes);
    return { told: meta.string(tagOf.TransferSyntaxUID)?.trim(), end: meta.position ?? PREFIX_END };
  } catch (cause) {
    throw new DataError(name, "meta header", `is damaged or cut (${reasonOf(cause)})`, MEND, { cause });
  }
}

function prefixed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(PREFIX_END + bytes.length);
  out.set([0x44, 0x49, 0x43, 0x4d], 128);
  out.set(bytes, PREFIX_END);
  return out;
}

function parseAttributes(body: Uint8Array, encoding: string, name: string, untilTag: string | undefined): DataSet {
  try {
    return dicomParser.parseDicom(body, {
      TransferSyntaxUID: encoding,
      // Without a VR, pixels that begin like an item would be taken for a sequence.
      vrCallback: (tag) => (tag === tagOf.PixelData ? "OW" : undefined),
      ...(untilTag === undefined ? {} : { untilTag }),
    });
  } catch (cause) {
    throw new DataError(name, "data set", `is damaged or cut (${reasonOf(cause)})`, MEND, { cause });
  }
}

const reasonOf = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String((cause as { exception?: unknown })?.exception ?? cause);
  return text.replace(/^dicomParser[.:]\w+: /, "");
};

/** Throws DataError where an attribute occurs twice: nothing says which of the two is valid. */
function refuseRepeated(set: DataSet, encoding: string, name: string): void {
  // A second one replaces the first, which leaves bytes that belong to none.
  const elements = Object.values(set.elements).filter(({ tag }) => tag > "x0002ffff");
  elements.sort((a, b) => a.dataOffset - b.dataOffset);
  let end = 0;
  for (const { dataOffset, length, vr, hadUndefinedLength, encapsulatedPixelData } of elements) {
    const isLong = encoding !== IMPLICIT_LITTLE && /^(OB|OD|OF|OL|OV|OW|SQ|UC|UN|UR|UT|SV|UV)$/.test(vr ?? "");
    if (dataOffset - end > (isLong ? 12 : 8)) {
      const { readUint16 } = set.byteArrayParser;
      const hex = (at: number): string => readUint16(set.byteArray, at).toString(16).padStart(4, "0");
      const problem = `(${hex(end)},${hex(end + 2)}) is there twice`;
      throw new DataError(name, "data set", problem, MEND);
    }
    // A delimiter follows what has no length of its own.
    end = dataOffset + length + (hadUndefinedLength && !encapsulatedPixelData ? 8 : 0);
  }
}

/** Bytes in which a deflated file's attributes are looked for; more are inflated where its pixels reach further. */
const HEAD = 1 << 20;

/** A deflated data set, no further than its pixels reach. Throws DataError. */
function inflated(body: Uint8Array, name: string, parse: (head: Uint8Array) => DataSet): Uint8Array {
  const head = inflateUpTo(body, HEAD, name, "raw");
  if (head.length < HEAD) return head;
  const pixels = parse(head).elements[tagOf.PixelData];
  const end = pixels ? pixels.dataOffset + pixels.length : 0;
  if (!pixels || end > body.length * maxDeflateRatio) {
    const problem = `${end} bytes are more than a deflated data set of ${body.length} bytes can hold`;
    throw new DataError(name, "PixelData (7fe0,0010)", pixels ? problem : "is not within the first MiB", MEND);
  }
  return inflateBounded(body, end, name, "raw");
}
