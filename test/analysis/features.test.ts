// Channels as grey pictures, and which pixels a map of features is made of.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Features, choosePixels, greyMaps, takePixels } from "../../analysis/index.ts";

const test = suite("features");

const features = (height: number, width: number, channels: number, of: (y: number, x: number, c: number) => number) => {
  const values = Float32Array.from({ length: height * width * channels }, (_, i) =>
    of(Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels),
  );
  return { height, width, channels, values } satisfies Features;
};

test("a channel has one scale for all networks", () => {
  const student = features(2, 3, 2, (y, x, c) => (c === 0 ? 10 * (3 * y + x) : 7));
  const teacher = features(2, 3, 2, (y, x, c) => (c === 0 ? -50 + 10 * (3 * y + x) : 7));
  const [s, t] = greyMaps([student, teacher]);
  assert.equal([s.height, s.width, s.maps.length], [2, 3, 2]);
  // −50 … 50 as −1 … 1.
  assert.equal(
    [...s.maps[0]].map((v) => Number(v.toFixed(6))),
    [0, 0.2, 0.4, 0.6, 0.8, 1],
  );
  assert.equal(
    [...t.maps[0]].map((v) => Number(v.toFixed(6))),
    [-1, -0.8, -0.6, -0.4, -0.2, 0],
  );
  // The same everywhere: black.
  assert.equal([...s.maps[1], ...t.maps[1]], new Array(12).fill(-1));
});

test("large layers are shown by means, a few extremes set no scale, and NaN stays", () => {
  const [{ height, width, maps }] = greyMaps([features(5, 4, 30, (y, x, c) => c + 100 * y + x)], { side: 2 });
  assert.equal([height, width, maps.length], [1, 1, 24]);
  const [grey] = greyMaps([features(20, 20, 1, (y, x) => (y + x === 0 ? 1e9 : x === 1 ? NaN : x))]);
  assert.is(grey.maps[0][0], 1);
  assert.is(grey.maps[0][19], 1);
  assert.ok(Number.isNaN(grey.maps[0][1]));
  const [small] = greyMaps([features(4, 4, 1, (y, x) => 4 * y + x)], { side: 2 });
  // Means 2.5, 4.5, 10.5, 12.5.
  assert.equal(
    [...small.maps[0]].map((v) => Number(v.toFixed(3))),
    [-1, -0.6, 0.6, 1],
  );
});

test("a channel that is 0 nearly everywhere shows what it holds", () => {
  const at = new Map([
    [`3 4`, 2],
    [`7 7`, 4],
  ]);
  const [{ maps }] = greyMaps([features(32, 32, 1, (y, x) => at.get(`${y} ${x}`) ?? 0)]);
  assert.is(maps[0][3 * 32 + 4], 0);
  assert.is(maps[0][7 * 32 + 7], 1);
  assert.is(maps[0].filter((v) => v === -1).length, 32 ** 2 - 2);
});

/** Two slices of 16 × 16: a square of class 2 at rows 4 … 7, columns 10 … 13, and nothing. */
const masks = {
  size: 16,
  count: 2,
  masks: Uint8Array.from({ length: 512 }, (_, i) => {
    const [y, x] = [Math.floor(i / 16), i % 16];
    return y >= 4 && y < 8 && x >= 10 && x < 14 ? 2 : 0;
  }),
};

test("as many pixels of structures as of the background, within the square, of slices that show one", () => {
  const pixels = choosePixels(masks, { side: 16, window: 8, most: 1000 });
  assert.is(pixels.length, 32);
  assert.is(pixels.filter(({ label }) => label === 2).length, 16);
  assert.is(new Set(pixels.map(({ at }) => at)).size, 32);
  for (const { slice, at, label } of pixels) {
    const [y, x] = [Math.floor(at / 16), at % 16];
    assert.is(slice, 0);
    // Rows 2 … 9, columns 8 … 15.
    assert.ok(y >= 2 && y < 10 && x >= 8 && x < 16, `${y}, ${x}`);
    assert.is(label, masks.masks[at]);
  }
  assert.equal(choosePixels(masks, { side: 16, window: 8, most: 1000 }), pixels);
  assert.not.equal(choosePixels(masks, { side: 16, window: 8, most: 1000, seed: 1 }), pixels);
  const few = choosePixels(masks, { side: 16, most: 11 });
  assert.is(few.length, 10);
  assert.is(few.filter(({ label }) => label > 0).length, 5);
});

test("a square is as large as its structure, and stays within the slice", () => {
  // 4 × 4 pixels of the structure leave none of the background in a square of 2.
  assert.is(choosePixels(masks, { side: 16, window: 2, most: 1000 }).length, 0);
  const corner = { size: 8, count: 1, masks: Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0)) };
  const pixels = choosePixels(corner, { side: 8, window: 3, most: 1000 });
  assert.is(pixels.length, 2);
  for (const { at } of pixels) assert.ok(at % 8 < 3 && at < 24);
});

test("a layer's pixel has the class that most of its part of the mask has", () => {
  const coarse = choosePixels(masks, { side: 8, window: 8, most: 1000 });
  assert.equal(
    coarse
      .filter(({ label }) => label === 2)
      .map(({ at }) => at)
      .sort((a, b) => a - b),
    [2 * 8 + 5, 2 * 8 + 6, 3 * 8 + 5, 3 * 8 + 6],
  );
  // A part that the structure fills by a half is the background's.
  const half = { size: 4, count: 1, masks: [1, 0, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0] };
  assert.equal(
    choosePixels(half, { side: 2, window: 4, most: 100 }).flatMap(({ at, label }) => (label > 0 ? [at] : [])),
    [1],
  );
});

test("pixels' features go into points in the pixels' order, slice by slice", () => {
  const pixels = [
    { slice: 1, at: 3, label: 0 },
    { slice: 0, at: 0, label: 1 },
    { slice: 1, at: 2, label: 0 },
  ];
  const points = new Float32Array(6);
  const layer = (slice: number) => features(2, 2, 2, (y, x, c) => 100 * slice + 10 * (2 * y + x) + c);
  takePixels(layer(0), pixels, 0, points);
  assert.equal([...points], [0, 0, 0, 1, 0, 0]);
  takePixels(layer(1), pixels, 1, points);
  assert.equal([...points], [130, 131, 0, 1, 120, 121]);
});

test.run();
