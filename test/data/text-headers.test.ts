// NRRD and MetaImage: units, spaces without a name, axes of one, and fields that contradict one another.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { fileOfBytes, readImage } from "../../data/formats/index.ts";
import type { Volume } from "../../data/volume.ts";
import { refused as refusedAs } from "../helpers/refused.ts";

const test = suite("text headers");
const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);
const voxels = Uint8Array.from({ length: 24 }, (_, i) => i);
const read = (head: string, name: string): Promise<Volume> =>
  readImage(fileOfBytes(Uint8Array.from([...new TextEncoder().encode(head), ...voxels]), name));

const nrrd = (sizes: string, more: string): Promise<Volume> =>
  read(
    `NRRD0004\ntype: UChar\ndimension: ${sizes.split(" ").length}\nsizes: ${sizes}\nencoding: raw\n${more}\n\n`,
    "a.nrrd",
  );
const meta = (more: string, size = "2 3 4", axes = 3): Promise<Volume> =>
  read(
    `NDims = ${axes}\nDimSize = ${size}\nElementType = MET_UCHAR\n${more}\nElementSpacing = ${"2 3 4 1".slice(0, 2 * axes - 1)}\nElementDataFile = LOCAL\n`,
    "a.mha",
  );
const LPS = "space: left-posterior-superior\nspace directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (10,20,30)";
const inMm = [-2, 0, 0, -10, 0, -3, 0, -20, 0, 0, 4, 30, 0, 0, 0, 1];
const inCm = inMm.map((v, i) => (i < 12 ? 10 * v : v));

test("places and voxel sizes are in the unit that a header names; another is refused", async () => {
  assert.equal((await nrrd("2 3 4", LPS)).affine, inMm);
  assert.equal((await nrrd("2 3 4", `${LPS}\nspace units: "mm" "mm" ""`)).affine, inMm);
  assert.equal((await nrrd("2 3 4", `${LPS}\nspace units: "cm" "cm" "cm"`)).affine, inCm);
  const { spacingMm } = await nrrd("2 3 4", 'spacings: 500 700 2\nunits: "um" "microns" "mm"');
  assert.equal(spacingMm, [0.5, 0.7000000000000001, 2]);
  await refused(
    nrrd("2 3 4", `${LPS}\nspace units: "px" "px" "px"`),
    /space units: px is no unit of length; write places/,
  );
  assert.equal((await meta("Offset = 10 20 30")).affine, inMm);
  assert.equal((await meta("Offset = 10 20 30\nDistanceUnits = cm")).affine, inCm);
  assert.equal((await meta("DistanceUnits = ?")).spacingMm, [2, 3, 4]);
  await refused(meta("DistanceUnits = inch"), /DistanceUnits: inch is no unit of length; write voxel sizes/);
});

test("NRRD: a space that has dimensions and no name tells sizes, and no place; a slice's vectors have two numbers", async () => {
  const slice = await nrrd("6 4", "space dimension: 2\nspace directions: (0.6,0.8) (-0.4,0.3)\nspace origin: (1,2)");
  assert.equal([slice.shape, slice.spacingMm, slice.oriented], [[6, 4, 1], [1, 0.5, 1], false]);
  assert.match(slice.warnings[0]!, /nothing tells where the voxels are/);
  const volume = await nrrd("2 3 4", LPS.replace("space: left-posterior-superior", "space dimension: 3"));
  assert.equal([volume.spacingMm, volume.oriented], [[2, 3, 4], false]);
  await refused(nrrd("2 3 4", LPS.replace("space: left-posterior-superior", "# none")), /space: is missing/);
  await refused(nrrd("6 4", "space directions: (1,0) (0,1)"), /space directions: .* is not 3 numbers each/);
});

test("axes of one that have no direction, or follow the third, are none of the volume's", async () => {
  const none = LPS.replace("directions: ", "directions: none ");
  for (const volume of [
    await nrrd("1 2 3 4", `kinds: list domain domain domain\n${none}`),
    await nrrd("2 3 4 1", LPS.replace("(0,0,4)", "(0,0,4) none")),
    await meta("Offset = 10 20 30 0", "2 3 4 1", 4),
  ]) {
    assert.equal([volume.shape, volume.affine], [[2, 3, 4], inMm]);
    assert.equal(Array.from(volume.data), Array.from(voxels));
  }
  assert.equal((await nrrd("2 3 4 1", "spacings: 2 3 4 nan")).spacingMm, [2, 3, 4]);
  await refused(nrrd("2 3 2 2", none), /dimension: 4: one volume of one value a voxel is read/);
  await refused(meta("", "2 3 2 2", 4), /DimSize: 2 3 2 2: one volume is read; extract a volume/);
  await refused(meta("", "2", 1), /NDims: 1 is no number of axes from 2 to 7/);
});

test("MetaImage: two byte orders in one header are refused", async () => {
  await meta("BinaryDataByteOrderMSB = False\nElementByteOrderMSB = False");
  await refused(
    meta("BinaryDataByteOrderMSB = False\nElementByteOrderMSB = True"),
    /ElementByteOrderMSB: is not what BinaryDataByteOrderMSB is; export/,
  );
});

test.run();
