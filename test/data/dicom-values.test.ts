// How pixels of DICOM become values: syntax, bits and sign, slope, padding, photometric interpretation.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { readFolder, readImage } from "../../data/formats/index.ts";
import { refused as refusedAs } from "../helpers/refused.ts";
import { type Attribute, BIG, DEFLATED, IMPLICIT, type SliceOptions, sliceFile } from "./dicom-writer.ts";

const test = suite("dicom: values");
const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);
const slice = (options: SliceOptions = {}) => readImage(sliceFile(options));
const series = (...slices: SliceOptions[]) =>
  readFolder(
    slices.map((s, i) => sliceFile(s, `f${i}.dcm`)),
    "CT",
  );
const values = async (options: SliceOptions): Promise<number[]> => [...(await slice(options)).data];

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

test("values that go through a table, and pixels with a fraction, are refused with the attribute", async () => {
  const table = [[0x00283002, "US", [2, 0, 16]] as const];
  await refused(
    slice({ more: [[0x00283000, "SQ", [table]]] }),
    /ModalityLUTSequence \(0028,3000\): a table of values is/,
  );
  const fraction: Attribute = [0x7fe00008, "OF", new Uint8Array(24)];
  await refused(
    slice({ more: [fraction] }),
    /FloatPixelData \(7fe0,0008\): numbers with a fraction are not read; write/,
  );
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

test.run();
