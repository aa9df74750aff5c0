// Compressed frames of DICOM: RLE, and what the codecs of JPEG, JPEG-LS and JPEG 2000 are given.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { type FrameDecoder, provideCodecs } from "../../data/formats/dicom/codecs.ts";
import type { ImageFile } from "../../data/formats/format.ts";
import { fileOfBytes, readFolder, readFolderHeader, readImage } from "../../data/formats/index.ts";
import { provideNodeCodecs } from "../../node/dataset/dicom-codecs.ts";
import { refused as refusedAs } from "../helpers/refused.ts";
import {
  type SliceOptions,
  encapsulated,
  encapsulatedWith,
  frame,
  multiFrame,
  sliceBytes,
  withUndefinedLength,
} from "./dicom-writer.ts";

provideNodeCodecs();
const test = suite("dicom: compressed");
const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);

/** PackBits of a byte plane: one literal run. */
const literal = (bytes: readonly number[]): number[] => [bytes.length - 1, ...bytes];
function rleFrame(...segments: readonly (readonly number[])[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(64));
  header.setUint32(0, segments.length, true);
  let at = 64;
  segments.forEach((s, i) => {
    header.setUint32(4 + 4 * i, at, true);
    at += s.length;
  });
  return Uint8Array.from([...new Uint8Array(header.buffer), ...segments.flat()]);
}
const compressed = (syntax: string, frameBytes: Uint8Array, more: SliceOptions = {}): Uint8Array<ArrayBuffer> => {
  const pixels = encapsulated(frameBytes)[0]!;
  return withUndefinedLength(sliceBytes({ ...more, syntax, more: [...(more.more ?? []), pixels] }));
};
const RLE = "1.2.840.10008.1.2.5";

test("RLE: literal and repeated runs, two bytes a pixel; segments that lie are refused", async () => {
  const high = literal([0, 0, 1, 1, 2, 2]);
  const low = [-3 & 255, 7, 1, 8, 9]; // 4 × 7, then 8 and 9
  const volume = await readImage(fileOfBytes(compressed(RLE, rleFrame(high, low)), "r.dcm"));
  assert.equal([...volume.data], [7, 7, 263, 263, 520, 521]);
  const bad = (f: Uint8Array): Promise<unknown> => readImage(fileOfBytes(compressed(RLE, f), "r.dcm"));
  await refused(bad(rleFrame(high)), /RLE: 1 segments where 2 bytes a pixel are due/);
  await refused(bad(rleFrame(high, [1, 8, 9])), /RLE: segment 2 holds 2 of 6 values/);
  await refused(bad(new Uint8Array(10)), /RLE: 10 bytes hold no header/);
});

const framesOf = (count: number, first: readonly number[], fragments: readonly Uint8Array[]): ImageFile => {
  const { more } = multiFrame(Array.from({ length: count }, (_, z) => frame(2 * z, "1")));
  const pixels = encapsulatedWith(first, fragments);
  return fileOfBytes(withUndefinedLength(sliceBytes({ syntax: RLE, more: [...more!, ...pixels] })), "f.dcm");
};

test("the offset table tells which fragments are a frame's; many frames are told apart in no time", async () => {
  const of = (value: number): Uint8Array => rleFrame(literal(Array(6).fill(0)), literal(Array(6).fill(value)));
  const halves = [of(1), of(2)].flatMap((bytes) => [bytes.subarray(0, 40), bytes.subarray(40)]);
  const { data } = await readImage(framesOf(2, [0, 2], halves));
  assert.equal([...data], [...Array(6).fill(1), ...Array(6).fill(2)]);
  await refused(readImage(framesOf(2, [], halves)), /4 fragments of 2 frames, and no offset table/);
  const count = 3000;
  const each = Array.from({ length: count }, (_, i) => of(i % 256));
  const many = framesOf(count, [...each.keys()], each);
  const start = performance.now();
  const volume = await readImage(many);
  assert.equal([volume.shape[2], volume.data.at(-1)], [count, (count - 1) % 256]);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds < 10, `${seconds} s`);
});

test("a beginning that is cut behind Rows tells no header: the whole file does", async () => {
  const frame = rleFrame(literal([0, 0, 0, 0, 0, 0]), literal([1, 2, 3, 4, 5, 6]));
  const bytes = compressed(RLE, frame, { slope: "2", intercept: "-1024" });
  const pixelSpacing = bytes.findIndex((_, i) => bytes[i] === 0x28 && bytes[i + 2] === 0x30 && bytes[i + 4] === 68);
  const rescale = bytes.findIndex((_, i) => bytes[i] === 0x28 && bytes[i + 2] === 0x52 && bytes[i + 3] === 0x10);
  for (const end of [pixelSpacing, rescale]) {
    const cut: ImageFile = { ...fileOfBytes(bytes, "r.dcm"), beginning: async () => bytes.subarray(0, end) };
    const { data, spacingMm } = await readFolder([cut], "CT");
    assert.equal([...data], [-1022, -1020, -1018, -1016, -1014, -1012]);
    assert.equal(spacingMm.slice(0, 2), [0.25, 0.5]);
  }
});

test("a header is judged by the size of its file, not of its beginning; so is what all slices fill", async () => {
  const slice = (z: number, size: number, more: SliceOptions = {}): ImageFile => ({
    ...fileOfBytes(compressed(RLE, new Uint8Array(2), { z, ...more }), `${z}.dcm`),
    size: async () => size,
  });
  const large = { rows: 20000, columns: 20000, pixels: [] };
  assert.equal((await readFolderHeader([slice(0, 1e6, large)], "CT")).shape, [20000, 20000, 1]);
  await refused(readFolderHeader([slice(0, 100, large)], "CT"), /need 800000000 bytes, the file has 100/);
  const three = [0, 3, 6].map((z) => slice(z, 1e6, large));
  await refused(
    readFolder(three, "CT"),
    /CT: slices: 20000 × 20000 × 3 would fill 2400000000 bytes, more than 2147483648; crop the volume/,
  );
});

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

test("JPEG streams are judged before a codec sees them: size, kind, and an end", async () => {
  const bad = (syntax: string, bytes: number[]): Promise<unknown> =>
    readImage(fileOfBytes(compressed(syntax, Uint8Array.from(bytes)), "j.dcm"));
  const sof = (marker: number, bits: number, rows: number, columns: number, end = [0xff, 0xd9]): number[] => [
    ...[0xff, 0xd8, 0xff, marker, 0, 11, bits, 0, rows, 0, columns, 1, 0, 0x11, 0],
    ...end,
  ];
  await refused(bad("1.2.840.10008.1.2.4.90", [1, 2, 3]), /JPEG 2000: the frame is no stream of this kind/);
  await refused(bad("1.2.840.10008.1.2.4.50", sof(0xc0, 8, 9, 9)), /JPEG: the frame is 9 × 9, not 3 × 2/);
  await refused(bad("1.2.840.10008.1.2.4.51", sof(0xc1, 12, 2, 3)), /JPEG: 12 bits a value are not read, only 8/);
  await refused(bad("1.2.840.10008.1.2.4.70", sof(0xc3, 16, 2, 3, [])), /JPEG lossless: the frame is cut/);
  const shifted = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 0, 2, 0xff, 0xd9];
  await refused(
    bad("1.2.840.10008.1.2.4.57", sof(0xc3, 16, 2, 3, shifted)),
    /JPEG lossless: a point transform, which cuts low bits, is not read; convert it/,
  );
  await refused(bad("1.2.840.10008.1.2.4.80", sof(0xf7, 20, 2, 3)), /JPEG-LS: 20 bits a value are not read, only 16/);
  await refused(bad("1.2.840.10008.1.2.4.80", sof(0xf7, 16, 2, 3)), /JPEG-LS: the frame can't be decoded/);
});

// 8 × 8 values 37 · i as dcmtk (JPEG, JPEG-LS) and OpenJPEG compress them; the 8-bit JPEG has 40 + 16 · row.
const streams: readonly (readonly [name: string, syntax: string, base64: string])[] = [
  [
    "JPEG lossless",
    "1.2.840.10008.1.2.4.70",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/wwALEAAIAAgBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABgkQ/9oACAEBAAEAAMlSpUqVKlpQlSpUqVKlpQlSpUqVKlpQlSpUqVKlpQlSpUqVKlpQlSpUqVKlpQlSpUqVKlpQlSpUqVKl/9k=",
  ],
  [
    "JPEG lossless, any predictor",
    "1.2.840.10008.1.2.4.57",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/wwALEAAIAAgBAREA/8QAFwABAQEBAAAAAAAAAAAAAAAAAAYJEP/aAAgBAQAEAADqWlpaWlpaXSgBpQA0oAaUANKAGlADSgB////Z",
  ],
  [
    "JPEG-LS",
    "1.2.840.10008.1.2.4.80",
    "/9j/9wALEAAIAAgBAREA//gADQH//wASAEMBFABA/9oACAEBAAAAAKJMSYkxHkWQ6DlCJUSJGkShUCJWUJ9PJ1OLa0iRk6ysK6sqqiRsmU1JRUE9PSIkqctWrFixQkkVq1SpUqUBI1KlSpUKE+D/2Q==",
  ],
  [
    "JPEG",
    "1.2.840.10008.1.2.4.50",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQH/wAALCAAIAAgBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/APz/AP8Ah23/ANQD/wAlv/sa/9k=",
  ],
  [
    "JPEG 2000",
    "1.2.840.10008.1.2.4.90",
    "/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1IADAAAAAEAAwQEAAH/XAANQICIiJCIiJCIiJD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAABGAAH/k8/8MAwJ1NHAD8AKA/kDAALvAud/wAfaCQD9gUAM/2HHCzxjy3/AA+oFgD8wYCIaCF2PA3/dUZ5Z/9k=",
  ],
];

for (const [name, syntax, stream] of streams)
  test(`${name} gives the values that were compressed`, async () => {
    const bytes = compressed(syntax, fromBase64(stream), {
      rows: 8,
      columns: 8,
      bits: name === "JPEG" ? [8, 8, 7] : [16, 16, 15],
    });
    const { data } = await readImage(fileOfBytes(bytes, "c.dcm"));
    const wanted = Array.from({ length: 64 }, (_, i) => (name === "JPEG" ? 40 + 16 * Math.floor(i / 8) : 37 * i));
    assert.ok(
      wanted.every((v, i) => Math.abs(v - data[i]!) <= (name === "JPEG" ? 1 : 0)),
      [...data].join(),
    );
  });

test("values with a sign: JPEG lossless by the mean of two neighbours; JPEG 2000 of 8 bits is refused", async () => {
  const read = (
    syntax: string,
    stream: string,
    bits: Required<SliceOptions>["bits"],
  ): Promise<{ data: ArrayLike<number> }> =>
    readImage(
      fileOfBytes(compressed(syntax, fromBase64(stream), { rows: 8, columns: 8, bits, signed: true }), "s.dcm"),
    );
  // Of dcmtk, by predictor 7, and of OpenJPEG.
  const lossless =
    "/9j/4AAQSkZJRgABAQAAAQABAAD/wwALEAAIAAgBAREA/8QAGwAAAgMBAQEAAAAAAAAAAAAAAw8BAgQAEAX/2gAIAQEABwAAf/weuy4dEa0AC+NwYBqJUlc7/wD1/wDvhf8A7oAHsNABiABkAAaPG4MA1HqSud//AK//AHf/AO/OQAPYaADEADIAAQAKU3BgGon/2Q==";
  const { data } = await read("1.2.840.10008.1.2.4.57", lossless, [16, 16, 15]);
  assert.equal(
    Array.from(data),
    Array.from({ length: 64 }, (_, i) => ((7 * i * i) % 23) - 8),
  );
  const bytes =
    "/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABhwEB/1IADAAAAAEAAAQEAAH/XAAEQED/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAAA5AAH/k8fUUDzyZtZ8pi+BE5SgJu5UhrkkgnizqghP/v4mDaw2LaZg/CCRObD82H//2Q==";
  await refused(
    read("1.2.840.10008.1.2.4.90", bytes, [8, 8, 7]),
    /JPEG 2000: signed values of 8 bits are not read; convert it to explicit VR little endian/,
  );
});

test("a decoder that could not be loaded is loaded by the next frame", async () => {
  const [, syntax, stream] = streams[2]!;
  const read = (): Promise<{ data: ArrayLike<number> }> =>
    readImage(fileOfBytes(compressed(syntax, fromBase64(stream), { rows: 8, columns: 8 }), "c.dcm"));
  const wanted = Uint8Array.from({ length: 64 }, (_, i) => i);
  let tries = 0;
  class Decoder implements FrameDecoder {
    getEncodedBuffer = (length: number): Uint8Array => new Uint8Array(length);
    decode = (): void => {};
    getDecodedBuffer = (): Uint8Array => wanted;
    getFrameInfo = () => ({ width: 8, height: 8, bitsPerSample: 8, componentCount: 1 });
    delete = (): void => {};
  }
  const open = async (): Promise<typeof Decoder> => {
    if (tries++ === 0) throw new Error("offline");
    return Decoder;
  };
  provideCodecs({ "JPEG-LS": open });
  await refused(read(), /JPEG-LS: the decoder can't be loaded; install cmedl again/);
  assert.equal(Array.from((await read()).data), [...wanted]);
  await read();
  assert.is(tries, 2, "what was loaded is kept");
  provideNodeCodecs();
});

test.run();
