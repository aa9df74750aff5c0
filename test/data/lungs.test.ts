// Lungs of a CT and fields round tumours: drawn chests, and a real one against scipy's connected parts.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { softTissueWindow, lungWindow, rangeOf } from "../../data/intensity.ts";
import { columnBetween, findLungs, lungSlices } from "../../data/lungs.ts";
import { SliceCollector, withinLungs } from "../../data/prepare.ts";
import type { LoadedCase } from "../../data/slices.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { tumourFields } from "../../data/tumour-field.ts";
import { makeVolume } from "../../data/volume.ts";
import { toLps } from "../../data/orientation.ts";
import { readVolume } from "../../node/dataset/index.ts";
import { sharedPath, testWith } from "./shared-data.ts";

const test = suite("lungs");

const [NX, NY, NZ] = [64, 48, 12];
const SPACING = [6, 6, 5] as const;

type Ellipse = readonly [x: number, y: number, rx: number, ry: number];
const RIGHT: Ellipse = [22, 24, 8, 11];
const LEFT: Ellipse = [42, 24, 8, 11];

/**
 * A chest: body from wall to wall of the middle, lungs in slices 3 … 8 joined by an airway that goes on to the head,
 * bowel gas in the first slices, air between body and arm, and a table with air within.
 */
function chest({ head = false, lungs = true } = {}): LoadedCase {
  const data = new Int16Array(NX * NY * NZ).fill(-1000);
  const fill = (z: number, value: number, [cx, cy, rx, ry]: Ellipse): void => {
    for (let y = 0; y < NY; y++)
      for (let x = 0; x < NX; x++)
        if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1) data[x + NX * (y + NY * z)] = value;
  };
  const box = (z: number, value: number, x0: number, y0: number, x1: number, y1: number): void => {
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) data[x + NX * (y + NY * z)] = value;
  };
  for (let z = 0; z < NZ; z++) {
    fill(z, 40, [32, 24, 25, 17]); // the body
    box(z, 60, 6, 43, 58, 47); // the table
    box(z, -1000, 8, 44, 56, 46);
    fill(z, 40, [4, 20, 3, 8]); // an arm, which closes a gap with the body
    box(z, 40, 3, 12, 12, 14);
    box(z, 40, 3, 28, 12, 30);
    if (lungs && z >= 3 && z < 9) {
      fill(z, -800, RIGHT);
      fill(z, -850, LEFT);
    }
    if (lungs && z >= 8) fill(z, -1000, [32, 22, 2, 2]);
    if (lungs && z === 8) box(z, -1000, 26, 21, 40, 23); // the airways join the lungs
    if (z < 2) fill(z, -900, [36, 18, 5, 4]); // gas in the bowel
    if (head && z === NZ - 1) box(z, -1000, 31, 0, 34, 24); // the mouth is open
  }
  const mask = new Uint8Array(data.length);
  for (let z = 4; z < 6; z++)
    for (let y = 28; y < 32; y++) mask.fill(1, 17 + NX * (y + NY * z), 21 + NX * (y + NY * z));
  return { id: "p", patient: "p", image: makeVolume("chest", data, [NX, NY, NZ], SPACING), mask };
}

test("both lungs are found, whatever air is round the body, in the bowel, in the table or above an open mouth", () => {
  for (const head of [false, true]) {
    const { image } = chest({ head });
    const lungs = findLungs(image)!;
    assert.equal(lungSlices(lungs, image), [3, 4, 5, 6, 7, 8]);
    const at = (x: number, y: number, z: number): number => lungs[x + NX * (y + NY * z)]!;
    assert.equal([at(22, 24, 5), at(42, 24, 5)], [1, 1], "right and left");
    assert.equal([at(36, 18, 1), at(30, 45, 5), at(9, 20, 5), at(0, 0, 5), at(32, 24, 5)], [0, 0, 0, 0, 0]);
    assert.is(at(32, 22, 10), 1, "the airway is of the lungs' part, but too small to make a slice one");
  }
});

test("lungs that are not joined are two parts; a volume without lungs has none", () => {
  const { image } = chest();
  const apart = image.data.slice() as Int16Array<ArrayBuffer>;
  apart.fill(40, NX * NY * 8); // without the slices in which the airways join them
  const lungs = findLungs({ ...image, data: apart })!;
  assert.equal(lungSlices(lungs, image), [3, 4, 5, 6, 7]);
  assert.is(lungs[22 + NX * (24 + NY * 5)], 1);
  assert.is(lungs[42 + NX * (24 + NY * 5)], 1);
  assert.is(findLungs(chest({ lungs: false }).image), undefined);
});

test("voxels that are no finite numbers lose no lung", () => {
  const { image } = chest();
  const data = Float32Array.from(image.data);
  const at = 22 + NX * (24 + NY * 5);
  data[at] = -Infinity;
  const lungs = findLungs({ ...image, data })!;
  assert.equal(lungs, findLungs(image), "−∞ is air");
  assert.equal([lungs[at], lungs[at + 20]], [1, 1]);
  data[at] = Number.NaN;
  assert.is(findLungs({ ...image, data })![at + 20], 1);
});

const grid = { fieldMm: NX * 6, size: 32 };

test("slices with lung: those without foreground are drawn from them alone, and tested slices are theirs", () => {
  const c = chest();
  const range = rangeOf(lungWindow, c.image.data, "chest");
  const zOf = (negatives: number | "all", slices: "all" | "lung"): number[] => {
    const collector = new SliceCollector({ grid, negatives, slices, hu: true });
    collector.add(c, range);
    return collector.finish("chest").origins.map(({ z }) => z);
  };
  assert.equal(zOf("all", "all"), [...Array(NZ).keys()]);
  assert.equal(zOf("all", "lung"), [3, 4, 5, 6, 7, 8]);
  assert.equal(zOf(2, "lung"), [3, 4, 5, 6, 7, 8], "four times a slice with lung, all that there are");
  const within = withinLungs(c);
  assert.equal(within.image.shape, [NX, NY, 6]);
  assert.equal(within.image.affine[11], c.image.affine[11]! + 3 * 5);
  assert.equal(within.mask.indexOf(1), c.mask.indexOf(1) - 3 * NX * NY);
  // A tumour where no lung is belongs to the test all the same.
  const low = { ...c, mask: c.mask.map((v, i) => (i === 0 ? 1 : v)) };
  assert.equal(withinLungs(low).image.shape, [NX, NY, 9]);
});

test("a CT without lungs is refused in words", () => {
  const c = chest({ lungs: false });
  const collector = new SliceCollector({ grid, slices: "lung", hu: true });
  assert.throws(
    () => collector.add(c, rangeOf(lungWindow, c.image.data, "chest")),
    /^chest: lungs: none were found: .*; leave this case out, or take all slices \(data\.slices: all\)/,
  );
});

test("a field round the tumour encloses it and its lung with the wall, within the slice", () => {
  const c = chest();
  const lungs = findLungs(c.image);
  // The right lung reaches from 14 to 31 and from 13 to 36; the wall is 20 mm, 3.3 pixels, beyond.
  const wide = tumourFields({ ...c, lungs }, 30 * 6)(5);
  assert.equal([wide.width, wide.height], [30, 30]);
  assert.ok(wide.x <= 14 - 3 && wide.x + 30 >= 31 + 3, `x ${wide.x}`);
  assert.ok(wide.y <= 13 - 3 && wide.y + 30 >= 36 + 3, `y ${wide.y}`);
  // One that is too small for both holds the tumour whole: columns 17 … 21, rows 28 … 32.
  const small = tumourFields({ ...c, lungs }, 8 * 6)(5);
  assert.ok(small.x <= 17 && small.x + 8 >= 21 && small.y <= 28 && small.y + 8 >= 32, JSON.stringify(small));
  // Without lungs the tumour is in the middle; near the border the field stays within the slice.
  assert.equal(tumourFields(c, 8 * 6)(5), { x: 15, y: 26, width: 8, height: 8 });
  const mask = new Uint8Array(c.mask.length);
  mask[5 * NX * NY] = 1;
  assert.equal(tumourFields({ ...c, mask }, 8 * 6)(5), { x: 0, y: 0, width: 8, height: 8 });
  // Without a tumour both lungs are in the middle; without either the slice is.
  const none = { ...c, mask: new Uint8Array(c.mask.length) };
  const both = tumourFields({ ...none, lungs }, 30 * 6)(5);
  assert.ok(both.x <= 14 + 4 && both.x + 30 >= 51 - 4, JSON.stringify(both));
  assert.equal(tumourFields(none, 30 * 6)(0), { x: 17, y: 9, width: 30, height: 30 });
  // A field that is larger than the slice is where it always is.
  assert.equal(tumourFields({ ...c, lungs }, 100 * 6)(5), { x: -18, y: -26, width: 100, height: 100 });
});

test("which lung is of the tumour's side is told by the whole volume; one lung is not halved", () => {
  const c = chest();
  const { shape } = c.image;
  const lungs = findLungs(c.image)!;
  assert.is(columnBetween(lungs, shape), 32);
  // On slice 5 the tumour's lung alone: its box reaches from 14 to 31 and from 13 to 36.
  const right = lungs.map((v, i) => (Math.floor(i / (NX * NY)) === 5 && i % NX >= 32 ? 0 : v));
  const field = tumourFields({ ...c, lungs: right }, 30 * 6)(5);
  assert.equal(field, tumourFields({ ...c, lungs }, 30 * 6)(5));
  // Where the other lung alone is, nothing tells where the tumour's chest wall is.
  const left = lungs.map((v, i) => (Math.floor(i / (NX * NY)) === 5 && i % NX < 32 ? 0 : v));
  assert.equal(tumourFields({ ...c, lungs: left }, 8 * 6)(5), tumourFields(c, 8 * 6)(5));
  // A patient with one lung.
  const only = lungs.map((v, i) => (i % NX < 32 && i < 8 * NX * NY ? v : 0));
  assert.is(columnBetween(only, shape), undefined);
  assert.equal(tumourFields({ ...c, lungs: only }, 30 * 6)(5), field);
});

test("slices and masks are cut by one field; none of the tumour is cut off", () => {
  const c = phantomCase({ modality: "CT", seed: 1, size: 64, slices: 8, index: 0 });
  const range = rangeOf(softTissueWindow, c.image.data, c.id);
  const collect = (fieldAt: "centre" | "tumour") => {
    const collector = new SliceCollector({ grid: { fieldMm: 90, size: 32 }, negatives: 0, fieldAt, hu: true });
    collector.add(c, range);
    return { collector, set: collector.finish("phantom") };
  };
  const centre = collect("centre");
  const round = collect("tumour");
  assert.ok(centre.collector.outsideField > 0, "the tumour lies beside the centre");
  assert.is(round.collector.outsideField, 0);
  // Where the mask is, the image is tumour: bright in a soft tissue window, as no lung is.
  const { images, masks } = round.set;
  const mean = images.filter((_, i) => masks[i] === 1).reduce((a, b) => a + b, 0) / masks.filter((k) => k === 1).length;
  assert.ok(mean > -0.2, `mean ${mean} within the masks`);
});

const A0002 = "data/lung-ct/lung-pet-ct-dx/A0002_ct.nii.gz";
testWith(
  test,
  [A0002],
  "a whole thorax has the lungs that scipy.ndimage.label gives, and its boxes lie in fields",
  async () => {
    const image = toLps(await readVolume(sharedPath(A0002)));
    const lungs = findLungs(image)!;
    // scipy 1.10: 823,948 voxels in one part, the second of 6,730 is bowel gas; slice 29 has the trachea alone.
    assert.is(
      lungs.reduce((a, b) => a + b, 0),
      823_948,
    );
    assert.equal(lungSlices(lungs, image), [...Array(29).keys()]);
    interface Boxes {
      slices: { k: number; boxes: { xmin: number; xmax: number; ymin: number; ymax: number }[] }[];
    }
    const { slices } = JSON.parse(readFileSync(sharedPath(A0002.replace("ct.nii.gz", "boxes.json")), "utf8")) as Boxes;
    const [nx, ny] = image.shape;
    for (const { k, boxes } of slices)
      for (const { xmin, xmax, ymin, ymax } of boxes) {
        const mask = new Uint8Array(image.data.length);
        for (let y = ymin; y <= ymax; y++) mask.fill(1, xmin + nx * (y + ny * k), xmax + 1 + nx * (y + ny * k));
        const field = tumourFields({ image, mask, lungs }, 256 * image.spacingMm[0])(k);
        assert.is(field.width, 256, "a patch of 256 × 256 pixels, not resampled");
        assert.ok(field.x <= xmin && field.x + 256 > xmax && field.y <= ymin && field.y + 256 > ymax, `slice ${k}`);
      }
  },
);

test.run();
