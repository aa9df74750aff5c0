import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dice } from "../../metrics/dice.ts";
import {
  type LoadedCase,
  type SliceGrid,
  chooseSlices,
  defaultFieldMm,
  fieldOf,
  foregroundPerSlice,
  maskSlice,
  sliceRange,
  slicesOnGrid,
} from "../../data/slices.ts";
import { SliceCollector } from "../../data/prepare.ts";
import { classesOfPlanes, slicePlanes } from "../../data/tiles.ts";
import { type Volume, makeVolume } from "../../data/volume.ts";

const test = suite("slices");

/** A bright ball in a dark box: 40 × 30 × 20 voxels, foreground in slices 6 … 13. */
function ball(id = "ball"): LoadedCase {
  const shape = [40, 30, 20] as const;
  const data = new Int16Array(40 * 30 * 20).fill(-100);
  const mask = new Uint8Array(data.length);
  for (let z = 0, o = 0; z < 20; z++)
    for (let y = 0; y < 30; y++)
      for (let x = 0; x < 40; x++, o++) {
        if ((x - 22) ** 2 + (y - 14) ** 2 + ((z - 9.5) * 2) ** 2 < 64) {
          data[o] = 100;
          mask[o] = 1;
        }
      }
  return { id, patient: id, image: makeVolume(id, data, shape, [1, 1, 2]), mask };
}
const range = { low: -200, high: 200 };

test("all slices with foreground are taken, and a quarter as many without", () => {
  const c = ball();
  const counts = foregroundPerSlice(c.mask, c.image.shape);
  assert.equal([...counts].map((n) => (n > 0 ? 1 : 0)).join(""), "00000011111111000000");
  const chosen = chooseSlices(counts, 0.25, 7);
  assert.is(chosen.length, 10);
  assert.ok([6, 7, 8, 9, 10, 11, 12, 13].every((z) => chosen.includes(z)));
  assert.equal(chosen, chooseSlices(counts, 0.25, 7));
  assert.equal(chooseSlices(counts, 0, 7), [6, 7, 8, 9, 10, 11, 12, 13]);
  assert.is(chooseSlices(counts, 100, 7).length, 20);
});

test("a collected set holds scaled images and their masks", () => {
  const collector = new SliceCollector({ grid: { size: 32, fieldMm: 32 }, seed: 1 });
  assert.is(collector.add(ball("a"), range), 10);
  collector.add(ball("b"), range);
  const set = collector.finish("set");
  assert.is(set.count, 20);
  assert.equal(set.origins[0]!.id, "a");
  for (let s = 0; s < set.count; s++)
    for (let i = 0; i < 32 * 32; i++) {
      const v = set.images[s * 1024 + i]!;
      const expected = set.masks[s * 1024 + i] ? 0.5 : v === -1 ? -1 : -0.5;
      assert.ok(Math.abs(v - expected) < 1e-6, `slice ${s}, pixel ${i}: ${v}`);
    }
  assert.is(collector.outsideField, 0);
});

test("foreground outside the field is counted", () => {
  const collector = new SliceCollector({ grid: { size: 8, fieldMm: 8 } });
  collector.add(ball(), range);
  assert.ok(collector.outsideField > 0 && collector.outsideField < collector.foreground);
});

test("slices beyond the body are left out, unless all are asked for", () => {
  const c = ball();
  c.image.data.fill(-100, 15 * 1200);
  c.image.data.fill(-100, 0, 5 * 1200);
  const blank: LoadedCase = {
    ...c,
    image: { ...c.image, data: c.image.data.map((v) => (v === -100 ? -1000 : v)) as Int16Array<ArrayBuffer> },
  };
  const some = new SliceCollector({ grid: { size: 16, fieldMm: 32 } });
  assert.is(some.add(blank, range), 8);
  assert.is(new SliceCollector({ grid: { size: 16, fieldMm: 32 }, negatives: "all" }).add(blank, range), 20);
});

/** Probabilities [size, size, classes] of slice z as class numbers of the volume. */
function layBack(
  probabilities: Float32Array,
  image: Volume,
  z: number,
  grid: SliceGrid,
  out: Uint8Array,
  classes: number,
): void {
  const [nx, ny] = image.shape;
  const planes = slicePlanes(probabilities, image, { fields: [fieldOf(image, grid)], size: grid.size, classes });
  classesOfPlanes(planes, out, z * nx * ny, 0.5);
}

test("masks laid back as predictions cover the original (3-D Dice above 0.9 at half the resolution)", () => {
  const c = ball();
  const grid = { size: 20, fieldMm: 40 };
  const small = new Uint8Array(400);
  const out = new Uint8Array(c.mask.length);
  for (let z = 0; z < 20; z++) {
    maskSlice(c, z, grid, small);
    layBack(Float32Array.from(small), c.image, z, grid, out, 1);
  }
  assert.ok(dice(out, c.mask) > 0.9, `${dice(out, c.mask)}`);
});

test("class probabilities laid back give the most probable class, background outside the field", () => {
  const { image, mask } = ball();
  const grid = { size: 30, fieldMm: 30 };
  const out = new Uint8Array(mask.length);
  const p = new Float32Array(900 * 3);
  for (let i = 0; i < 900; i++) p.set(i < 450 ? [0.2, 0.7, 0.1] : [0.2, 0.1, 0.7], 3 * i);
  layBack(p, image, 2, grid, out, 3);
  const at = (x: number, y: number): number => out[2 * 1200 + y * 40 + x]!;
  assert.equal([at(20, 3), at(20, 26), at(1, 3), at(38, 26)], [1, 2, 0, 0]);
  assert.not(out.subarray(0, 2400).some((v) => v !== 0));
});

test("both sets share one field in millimetres", () => {
  assert.is(defaultFieldMm([150, 160, 140]), 150);
  assert.is(defaultFieldMm([150, 160]), 155);
  assert.equal(fieldOf({ shape: [100, 100, 1], spacingMm: [1, 1, 1] }, { size: 64, fieldMm: 80 }).width, 80);
  assert.equal(fieldOf({ shape: [100, 100, 1], spacingMm: [2, 2, 1] }, { size: 64, fieldMm: 80 }).width, 40);
});

test("a set without foreground is refused", () => {
  const collector = new SliceCollector({ grid: { size: 8, fieldMm: 30 } });
  collector.add({ ...ball(), mask: new Uint8Array(40 * 30 * 20) }, range);
  assert.throws(() => collector.finish("ct"), /ct: slices: no slice holds foreground/);
});

test("slices of a volume are found on the grid of a part of it, and on no other", () => {
  const { image } = ball();
  const part = sliceRange(ball(), 6, 13).image;
  const found = slicesOnGrid({ ...image, data: Int16Array.from(image.data, (v) => v + 1) }, part)!;
  assert.equal(found.shape, [40, 30, 8]);
  assert.equal(
    [...found.data],
    [...part.data].map((v) => v + 1),
  );
  assert.equal(found.affine, part.affine);
  assert.is(slicesOnGrid(part, image), undefined, "it has not all of them");
  const moved = (axis: number, mm: number): Volume => ({
    ...part,
    affine: part.affine.map((v, i) => (i === 4 * axis + 3 ? v + mm : v)),
  });
  for (const [axis, mm] of [
    [0, 0.4],
    [1, 0.4],
    [2, 0.4],
  ] as const)
    assert.is(slicesOnGrid(image, moved(axis, mm)), undefined, `${mm} mm off along axis ${axis}`);
});

test("a volume whose file says nothing of its place is on a grid as a whole or not at all", () => {
  const { image } = ball();
  const placeless = { ...image, oriented: false };
  assert.is(slicesOnGrid(placeless, sliceRange(ball(), 6, 13).image), undefined);
  assert.is(slicesOnGrid(placeless, image), placeless);
});

test.run();
