// Masks written as DICOM: outlines that fill to them again, contours and segments that are read back.
import dicomParser from "dicom-parser";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { fillEvenOdd } from "../../data/formats/dicom/fill.ts";
import { outlinesOf } from "../../data/formats/dicom/trace.ts";
import { fileOfBytes, openStructures, readFolder } from "../../data/formats/index.ts";
import { frame, multiFrame, sliceFile } from "./dicom-writer.ts";

const test = suite("masks as DICOM");

/** Seeded blobs with holes, islands in holes, and corners that touch. */
function noise(width: number, height: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: width * height }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return +(state / 2 ** 32 < 0.6);
  });
}

test("outlines of a mask fill to the same mask, holes and islands and touching corners too", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const mask = noise(9, 7, seed);
    const outlines = outlinesOf((x, y) => mask[y * 9 + x] === 1, 9, 7);
    const filled = new Uint8Array(63);
    fillEvenOdd(
      outlines.map((o) => Float64Array.from(o)),
      filled,
      9,
      7,
    );
    assert.equal([...filled], [...mask], `seed ${seed}`);
  }
  assert.equal(
    outlinesOf(() => true, 3, 2),
    [[-0.5, -0.5, 2.5, -0.5, 2.5, 1.5, -0.5, 1.5]],
  );
});

const slices = [0, 3, 6].map((z) => sliceFile({ z, rows: 7, columns: 9, pixels: new Array(63).fill(z) }));
const mask = Uint8Array.from({ length: 189 }, (_, i) => (i < 63 ? 0 : noise(9, 14, 3)[i - 63]! * (1 + +(i % 9 > 5))));
const segments = [
  { name: "tumour", value: 1, rgb: [230, 25, 75] as const },
  { name: "Lunge, größer", value: 2, rgb: [0, 130, 200] as const },
];
const maker = { version: "0.1.0", description: "cmedl runs/first", date: new Date(2026, 0, 2, 3, 4, 5) };

for (const object of ["rtstruct", "seg"] as const)
  test(`a mask that is written as ${object} is read back voxel for voxel, with its names`, async () => {
    const series = await seriesOf(slices, "CT");
    const bytes = await writeMaskObject(object, mask, series, segments, maker);
    const set = (await openStructures(fileOfBytes(bytes, "out.dcm")))!;
    assert.equal(set.names, ["tumour", "Lunge, größer"]);
    const { data, warnings } = await set.draw(set.names, await readFolder(slices, "CT"));
    assert.equal([...data], [...mask]);
    assert.equal(warnings, []);
    const empty = await writeMaskObject(object, new Uint8Array(189), series, segments, maker);
    const none = await (await openStructures(fileOfBytes(empty, "out.dcm")))!.draw(
      ["tumour"],
      await readFolder(slices, "CT"),
    );
    assert.is(none.data.some(Boolean), false);
    assert.match(none.warnings.join(), /no contours, so no mask|no voxel is in it/);
  });

/** The text of a sequence's attribute in each of its items, by tags from the outermost sequence on. */
function textsAt(set: dicomParser.DataSet, [tag, ...further]: readonly string[]): (string | undefined)[] {
  if (further.length === 0) return [set.string(tag!)];
  return (set.elements[tag!]?.items ?? []).flatMap(({ dataSet }) => (dataSet ? textsAt(dataSet, further) : []));
}

test("masks on an image of several frames refer to it once, and to the frames that they are on", async () => {
  const frames = [4, 0, 2].map((z) => frame(z, "1"));
  const whole = [sliceFile(multiFrame(frames))];
  const series = await seriesOf(whole, "CT");
  // The frames at 0 and 4 mm: the second and the first of the file.
  const onTwo = Uint8Array.from({ length: 18 }, (_, i) => +(i % 6 === 1 && Math.floor(i / 6) !== 1));
  const one = segments.slice(0, 1);
  const structures = dicomParser.parseDicom(await writeMaskObject("rtstruct", onTwo, series, one, maker), {
    TransferSyntaxUID: "1.2.840.10008.1.2",
  });
  const [sop, number] = ["x00081155", "x00081160"];
  const images = ["x30060010", "x30060012", "x30060014", "x30060016"];
  const contours = ["x30060039", "x30060040", "x30060016"];
  assert.equal(textsAt(structures, [...images, sop]), ["1.2.1000"]);
  assert.equal(textsAt(structures, [...images, number]), [undefined], "all frames are meant");
  assert.equal(textsAt(structures, [...contours, sop]), ["1.2.1000", "1.2.1000"]);
  assert.equal(textsAt(structures, [...contours, number]), ["2", "1"]);
  const seg = dicomParser.parseDicom(await writeMaskObject("seg", onTwo, series, one, maker));
  assert.equal(textsAt(seg, ["x00081115", "x0008114a", sop]), ["1.2.1000"]);
  assert.equal(textsAt(seg, ["x52009230", "x00089124", "x00082112", number]), ["2", "1"]);
  // Single images are named without a frame.
  const single = await writeMaskObject("rtstruct", mask, await seriesOf(slices, "CT"), segments, maker);
  const names = dicomParser.parseDicom(single, { TransferSyntaxUID: "1.2.840.10008.1.2" });
  assert.equal(textsAt(names, [...images, sop]), ["1.2.1000", "1.2.1003", "1.2.1006"]);
  assert.equal(new Set(textsAt(names, [...contours, number])), new Set([undefined]));
});

test.run();
