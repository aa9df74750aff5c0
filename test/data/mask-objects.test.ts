// Masks written as DICOM: outlines that fill to them again, contours and segments that are read back.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { fillEvenOdd } from "../../data/formats/dicom/fill.ts";
import { outlinesOf } from "../../data/formats/dicom/trace.ts";
import { fileOfBytes, openStructures, readFolder } from "../../data/formats/index.ts";
import { sliceFile } from "./dicom-writer.ts";

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

test.run();
