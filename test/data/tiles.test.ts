// Fields that cover a slice, and maps of them blended back onto it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { centreField, cropValues } from "../../data/resample.ts";
import { blendTiles, classesOfPlanes, tilesOf } from "../../data/tiles.ts";

const test = suite("tiles");

test("a slice no larger than the field has the field round its centre alone", () => {
  for (const shape of [
    [64, 64, 1],
    [50, 63, 1],
  ] as const)
    assert.equal(tilesOf({ shape, spacingMm: [1, 1, 3] }, 64), [centreField(shape[0], shape[1], [1, 1], 64)]);
});

test("fields cover a larger slice from border to border, a quarter of each shared with its neighbour", () => {
  for (const [nx, ny, spacing, mm, count] of [
    [512, 512, 0.65, 155, 9],
    [200, 64, 1, 64, 4],
    [101, 103, 0.7, 33.3, 9],
  ] as const) {
    const fields = tilesOf({ shape: [nx, ny, 1], spacingMm: [spacing, spacing, 3] }, mm);
    assert.is(fields.length, count);
    const columns = [...new Set(fields.map((f) => f.x))];
    const { width } = fields[0]!;
    assert.is(Math.min(...columns), Math.min(0, columns[0]!));
    assert.ok(Math.max(...columns) + width >= nx - 1e-9);
    for (let i = 1; i < columns.length; i++)
      assert.ok(columns[i]! - columns[i - 1]! <= 0.75 * width + 1, `${columns} of ${width}`);
  }
});

test("a smooth image, cut into tiles and blended, is the image", () => {
  const [nx, ny, size] = [96, 80, 32];
  const image = { shape: [nx, ny, 1], spacingMm: [1, 1, 3] } as const;
  const slice = Float32Array.from({ length: nx * ny }, (_, i) => 0.01 * (i % nx) - 0.02 * Math.floor(i / nx));
  const fields = tilesOf(image, 32);
  const maps = new Float32Array(fields.length * size * size * 2);
  const one = new Float32Array(size * size);
  fields.forEach((field, f) => {
    cropValues(slice, nx, ny, field, size, -1, one);
    one.forEach((v, i) => {
      maps[(f * size * size + i) * 2] = v;
      maps[(f * size * size + i) * 2 + 1] = 3;
    });
  });
  const [first, second] = blendTiles(maps, image, { fields, size, classes: 2 }) as [Float32Array, Float32Array];
  first.forEach((v, i) => assert.ok(Math.abs(v - slice[i]!) < 1e-5, `${i}: ${v} for ${slice[i]}`));
  assert.ok(second.every((v) => Math.abs(v - 3) < 1e-5));
});

test("where two fields disagree, the one whose centre is nearer counts more", () => {
  const image = { shape: [28, 16, 1], spacingMm: [1, 1, 3] } as const;
  const fields = tilesOf(image, 16);
  assert.is(fields.length, 2);
  const maps = new Float32Array(2 * 256).fill(0, 0, 256).fill(1, 256);
  const [plane] = blendTiles(maps, image, { fields, size: 16, classes: 1 }) as [Float32Array];
  assert.is(plane[11], 0);
  assert.is(plane[16], 1);
  assert.ok(plane[12]! > 0 && plane[12]! < plane[13]! && plane[13]! < plane[14]! && plane[14]! < plane[15]!);
  const mask = new Uint8Array(28);
  classesOfPlanes([plane.subarray(0, 28)], mask, 0, 0.5);
  assert.equal([...mask], [...new Uint8Array(28).fill(1, 14)]);
});

test.run();
