// DICOM images: every syntax, how pixels become values, and how slices become a volume.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { provideNodeCodecs } from "../../node/dataset/dicom-codecs.ts";
import { DataError } from "../../data/errors.ts";
import { fileOfBytes, readFolder, readImage, readImageHeader } from "../../data/formats/index.ts";
import { isSheared } from "../../data/volume.ts";
import {
  type Attribute,
  BIG,
  DEFLATED,
  IMPLICIT,
  type SliceOptions,
  dicomBytes,
  encapsulated,
  sliceBytes,
  sliceFile,
  withUndefinedLength,
} from "./dicom-writer.ts";

provideNodeCodecs();
const test = suite("dicom");
const slice = (options: SliceOptions = {}) => readImage(sliceFile(options));
const series = (...slices: SliceOptions[]) =>
  readFolder(
    slices.map((s, i) => sliceFile(s, `f${i}.dcm`)),
    "CT",
  );
const values = async (options: SliceOptions): Promise<number[]> => [...(await slice(options)).data];

async function refused(run: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await run.then(
    () => assert.unreachable(`accepted, where ${message} is due`),
    (e: unknown) => e,
  );
  assert.instance(error, DataError);
  assert.match((error as Error).message, message);
}

test("a slice in every uncompressed syntax, with preamble or without, has the same values and place", async () => {
  for (const syntax of [undefined, IMPLICIT, BIG, DEFLATED])
    for (const preamble of syntax === DEFLATED ? [true] : [true, false]) {
      const volume = await slice({ ...(syntax ? { syntax } : {}), preamble, intercept: "-1024" });
      assert.equal([...volume.data], [-1024, -1023, -1022, -1021, -1020, -1019], `${syntax} ${preamble}`);
      assert.instance(volume.data, Int16Array);
      assert.equal(volume.shape, [3, 2, 1]);
    }
});

test("PixelSpacing is of rows, then of columns; the place is turned from LPS to RAS", async () => {
  const { spacingMm, affine, oriented } = await series({ z: 0 }, { z: 4 });
  assert.equal(spacingMm, [0.25, 0.5, 4]);
  assert.equal(affine, [-0.25, 0, 0, -10, 0, -0.5, 0, -20, 0, 0, 4, 0, 0, 0, 0, 1]);
  assert.ok(oriented);
});

test("the sign is the topmost stored bit; bits outside the stored ones (overlays) are left out", async () => {
  const bits = [16, 12, 11] as const;
  // 0xf... is an overlay's bits above HighBit.
  const pixels = [0x0001, 0x0fff, 0x0800, 0xf001, 0x7fff, 0x07ff];
  assert.equal(await values({ bits, signed: true, pixels }), [1, -1, -2048, 1, -1, 2047]);
  assert.equal(await values({ bits, pixels }), [1, 4095, 2048, 1, 4095, 2047]);
  assert.equal(await values({ bits: [16, 12, 15], pixels: [0x0010, 0xfff0, 0x000f, 0, 0, 0] }), [1, 4095, 0, 0, 0, 0]);
  assert.equal(
    await values({ bits: [8, 8, 7], pixels: [0, 127, 128, 255, 1, 2], signed: true }),
    [0, 127, -128, -1, 1, 2],
  );
});

test("unsigned 16-bit values above 32,767 keep their values", async () => {
  const volume = await slice({ pixels: [65535, 0, 1, 2, 3, 4] });
  assert.equal([...volume.data], [65535, 0, 1, 2, 3, 4]);
  assert.instance(volume.data, Int32Array);
});

test("slope and intercept are each slice's own", async () => {
  const volume = await series({ z: 0, slope: "2" }, { z: 1, slope: "0.5", intercept: "-1" });
  assert.equal([...volume.data], [0, 2, 4, 6, 8, 10, -1, -0.5, 0, 0.5, 1, 1.5]);
  assert.instance(volume.data, Float32Array);
});

test("padding becomes air in a CT and 0 in an MR, and is said; a negative value is signed by PixelRepresentation", async () => {
  const pixels = [63536, 1, 2, 63536, 4, 5];
  // Written as US although the pixels are signed, as converters do.
  const more: Attribute[] = [[0x00280120, "US", 63536]];
  const ct = await slice({ signed: true, pixels, more });
  assert.equal([...ct.data], [-1000, 1, 2, -1000, 4, 5]);
  assert.match(ct.warnings.join(), /2 voxels are padding \(PixelPaddingValue\): -1000 is put there/);
  assert.equal(await values({ signed: true, pixels, more, modality: "MR" }), [0, 1, 2, 0, 4, 5]);
  const range: Attribute[] = [
    [0x00280120, "US", 2],
    [0x00280121, "US", 4],
  ];
  assert.equal(await values({ more: range }), [0, 1, -1000, -1000, -1000, 5]);
});

test("MONOCHROME1 is inverted, and said", async () => {
  const volume = await slice({ photometric: "MONOCHROME1", bits: [16, 12, 11] });
  assert.equal([...volume.data], [4095, 4094, 4093, 4092, 4091, 4090]);
  assert.match(volume.warnings.join(), /MONOCHROME1: values are inverted/);
});

test("slices are sorted by their place along the normal, whatever their numbers and names", async () => {
  const volume = await series(
    { z: 6, pixels: [6, 6, 6, 6, 6, 6], instance: 1 },
    { z: 0, pixels: [0, 0, 0, 0, 0, 0], instance: 2 },
    { z: 3, pixels: [3, 3, 3, 3, 3, 3], instance: 3 },
  );
  assert.equal([volume.data[0], volume.data[6], volume.data[12]], [0, 3, 6]);
  assert.equal(volume.affine.slice(8, 12), [0, 0, 3, 0]);
  const sagittal = { orientation: "0\\1\\0\\0\\0\\-1" };
  const turned = await series(
    { ...sagittal, sop: "1.1", position: "5\\0\\0", pixels: [5, 5, 5, 5, 5, 5] },
    { ...sagittal, sop: "1.2", position: "8\\0\\0", pixels: [8, 8, 8, 8, 8, 8] },
  );
  // The normal of such slices points to the right: x falls.
  assert.equal([turned.data[0], turned.data[6]], [8, 5]);
  assert.equal(turned.affine.slice(0, 4), [0, 0, 3, -8]);
});

test("missing, doubled, mixed and unevenly placed slices are told apart, with their files", async () => {
  await refused(
    series({ z: 0 }, { z: 3 }, { z: 6 }, { z: 12 }),
    /slices: about 1 are missing: 6\.00 mm between f2\.dcm and f3/,
  );
  await refused(
    series({ z: 0 }, { z: 3 }, { z: 3, sop: "1.7" }),
    /several are in one place: f1\.dcm and f2\.dcm; keep one of each/,
  );
  const echo = (z: number, time: string): SliceOptions => ({
    z,
    sop: `1.${z}.${time}`,
    more: [[0x00180081, "DS", time]],
  });
  await refused(
    series(echo(0, "10"), echo(0, "80"), echo(3, "10"), echo(3, "80")),
    /in one place.*they differ in EchoTime \(10, 80\); keep the slices of one EchoTime/,
  );
  await refused(series({ z: 0 }, { z: 3, rows: 3, columns: 2 }), /holds 2 × 3 pixels and 3 × 2: f1\.dcm and f0\.dcm/);
  await refused(series({ z: 0 }, { z: 3, spacing: "1\\1" }), /holds pixels of 1 × 1 mm and 0\.25 × 0\.5 mm/);
  await refused(series({ z: 0 }, { z: 3, orientation: "1\\0\\0\\0\\0\\-1" }), /slices in different directions/);
  await refused(
    series({ z: 0 }, { z: 3 }, { z: 7 }, { z: 10 }),
    /unevenly placed: f\d\.dcm is 0\.\d+ mm off an even grid/,
  );
  await refused(series({ z: 0 }, { z: 3, series: "1.2.4" }), /holds 2 series: CT of 1 slice .*give a folder with one/);
});

test("slices a little off an even grid are read, and the distance is said; a file that is there twice is one", async () => {
  const shifted = await series({ z: 0 }, { z: 3, position: "10\\20\\3.1" }, { z: 6 }, { z: 9 });
  assert.match(shifted.warnings.join(), /slices are up to 0\.100 mm off the even grid/);
  const twice = await series({ z: 0 }, { z: 3 }, { z: 3 });
  assert.equal(twice.shape, [3, 2, 2]);
  assert.match(twice.warnings.join(), /1 slices are there in two files/);
});

test("a tilted gantry's grid is sheared as its slices are", async () => {
  const volume = await series(
    { sop: "1.1", position: "0\\0\\0", orientation: "1\\0\\0\\0\\0.9659258\\-0.2588190" },
    { sop: "1.2", position: "0\\0\\5", orientation: "1\\0\\0\\0\\0.9659258\\-0.2588190" },
  );
  assert.ok(isSheared(volume.affine));
  assert.equal(
    volume.affine.slice(8, 12).map((v) => Math.round(1e6 * v) / 1e6),
    [0, -0.12941, 5, 0],
  );
});

test("scouts, contours and reports beside a series are passed over", async () => {
  const scout = sliceFile(
    { sop: "1.9", orientation: "1\\0\\0\\0\\0\\-1", more: [[0x00080008, "CS", "ORIGINAL\\PRIMARY\\LOCALIZER"]] },
    "s",
  );
  const plan = fileOfBytes(dicomBytes([[0x00080060, "CS", "RTPLAN"]]), "plan.dcm");
  const text = fileOfBytes(new TextEncoder().encode("no DICOM at all"), "notes.txt");
  const volume = await readFolder([scout, plan, text, sliceFile({ z: 0 }), sliceFile({ z: 3 })], "CT");
  assert.equal(volume.shape, [3, 2, 2]);
  assert.match(volume.warnings.join(), /1 localizers are left out/);
  await refused(readFolder([plan], "CT"), /Modality \(0008,0060\): holds a plan of radiotherapy, no image/);
});

test("a single slice has the distance that it tells, else 1 mm with a warning", async () => {
  assert.is((await slice({ more: [[0x00180050, "DS", "5"]] })).spacingMm[2], 5);
  const alone = await slice();
  assert.is(alone.spacingMm[2], 1);
  assert.match(alone.warnings.join(), /nothing tells the distance between slices: 1 mm is taken/);
});

const frame = (z: number, slope: string): readonly Attribute[] => [
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
const multiFrame = (frames: readonly (readonly Attribute[])[]): SliceOptions => ({
  pixels: Array.from({ length: 6 * frames.length }, (_, i) => i),
  more: [
    [0x00280008, "IS", String(frames.length)],
    [0x52009229, "SQ", [shared]],
    [0x52009230, "SQ", frames],
  ],
});

test("an enhanced multi-frame file is sorted by the frames' places, each with its own slope", async () => {
  for (const syntax of [undefined, IMPLICIT]) {
    const volume = await slice({
      ...multiFrame([frame(4, "1"), frame(0, "2"), frame(2, "1")]),
      ...(syntax ? { syntax } : {}),
    });
    assert.equal(volume.shape, [3, 2, 3]);
    assert.equal(
      [...volume.data].filter((_, i) => i % 6 === 0),
      [12, 12, 0],
    );
    assert.equal(volume.affine, [-0.25, 0, 0, -1, 0, -0.5, 0, -2, 0, 0, 2, 0, 0, 0, 0, 1]);
  }
  await refused(slice(multiFrame([frame(0, "1"), frame(2, "1"), frame(8, "1")])), /about 2 are missing/);
  await refused(slice(multiFrame([frame(0, "1"), frame(0, "1")])), /in one place: z0\.dcm frame 1 and z0\.dcm frame 2/);
});

test("a header is read from the beginning of a file, and gives what the whole file gives", async () => {
  const bytes = sliceBytes({ z: 3 });
  const cut = fileOfBytes(bytes.subarray(0, bytes.length - 12), "x.dcm");
  const whole = await readImage(fileOfBytes(bytes, "x.dcm"));
  assert.equal((await readImageHeader(cut)).affine, whole.affine);
  await refused(readImage(cut), /x\.dcm: (data set|PixelData)/);
});

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

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

test("attributes that can't be true are refused by name, before memory is made", async () => {
  const wrong = (options: SliceOptions, message: RegExp): Promise<void> => refused(slice(options), message);
  await wrong({ more: [[0x00280010, "US", 0]] }, /Rows \(0028,0010\): 0: no image/);
  await wrong(
    {
      more: [
        [0x00280010, "US", 65535],
        [0x00280011, "US", 65535],
      ],
    },
    /need 8589672450 bytes, the file has 12/,
  );
  await wrong({ more: [[0x00280008, "IS", "2147483647"]] }, /2147483647 frames of 16 bits need/);
  await wrong({ more: [[0x00280100, "US", 33]] }, /BitsAllocated \(0028,0100\): 33 is not 1, 8, 16 or 32/);
  await wrong({ slope: "nan" }, /RescaleSlope \(0028,1053\): nan is no number/);
  await wrong({ slope: "0" }, /RescaleSlope \(0028,1053\): 0 makes all values equal/);
  await wrong(
    {
      more: [
        [0x00280002, "US", 3],
        [0x00280004, "CS", "RGB"],
      ],
    },
    /RGB, 3 values a pixel, where one grey/,
  );
  await wrong({ syntax: "1.2.3.4" }, /TransferSyntaxUID \(0002,0010\): 1\.2\.3\.4 is not read here/);
  await wrong({ spacing: "0\\1" }, /PixelSpacing \(0028,0030\): 0, 1 is no voxel size/);
  await wrong({ orientation: "1\\0\\0\\1\\0\\0" }, /ImageOrientationPatient .*no two directions at a right angle/);
  await wrong({ position: "1\\2" }, /ImagePositionPatient \(0020,0032\): 1\\2 is not 3 numbers/);
  const twice = dicomBytes([
    [0x00080060, "CS", "CT"],
    [0x00280010, "US", 2],
    [0x00280010, "US", 3],
    [0x00280011, "US", 3],
  ]);
  await refused(readImage(fileOfBytes(twice, "x.dcm")), /x\.dcm: data set: \(0028,0010\) is there twice/);
});

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

test("2,000 seeded changes of a small file end in a volume or a DataError", async () => {
  let state = 5;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const originals = [
    sliceBytes(),
    sliceBytes({ syntax: IMPLICIT }),
    sliceBytes(multiFrame([frame(0, "1"), frame(2, "1")])),
  ];
  let refusals = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = new Uint8Array(originals[i % 3]!);
    for (let k = next(3); k >= 0; k--) bytes[132 + next(bytes.length - 132)] = next(256);
    const cut = next(10) === 0 ? bytes.slice(0, next(bytes.length)) : bytes;
    try {
      await readImage(fileOfBytes(cut, "x.dcm"));
    } catch (error) {
      assert.instance(error, DataError, `change ${i}: ${String(error)}`);
      refusals++;
    }
  }
  assert.ok(refusals > 500, `${refusals}`);
});

test.run();
