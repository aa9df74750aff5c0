import { suite } from "uvu";
import * as assert from "uvu/assert";
import { centreField, cropLabels, cropValues, uncropValues } from "../../data/resample.ts";

const test = suite("resample");
const ramp = (w: number, h: number, f: (x: number, y: number) => number): Float32Array =>
  Float32Array.from({ length: w * h }, (_, i) => f(i % w, Math.floor(i / w)));

test("a field of the slice's own size is the slice", () => {
  const slice = ramp(6, 6, (x, y) => x * 10 + y);
  const out = new Float32Array(36);
  cropValues(slice, 6, 6, { x: 0, y: 0, width: 6, height: 6 }, 6, -1, out);
  assert.equal(out, slice);
});

test("a shifted field moves the slice and fills what lies outside", () => {
  const slice = ramp(4, 4, (x, y) => 1 + x + 4 * y);
  const out = new Float32Array(16);
  cropValues(slice, 4, 4, { x: 2, y: -1, width: 4, height: 4 }, 4, -1, out);
  assert.equal([...out], [-1, -1, -1, -1, 3, 4, -1, -1, 7, 8, -1, -1, 11, 12, -1, -1]);
});

// Where the factor is no whole number the widened filter meets the pixels unevenly: within 0.02 pixels of the true
// place.
for (const [size, what, tolerance] of [
  [5, "shrinking by 4", 1e-3],
  [8, "shrinking by 2½", 5 * 0.02],
  [40, "enlarging", 1e-3],
] as const) {
  test(`${what} keeps a linear ramp within the slice, with pixel centres at ½`, () => {
    const slice = ramp(20, 20, (x, y) => 2 * (x + 0.5) + 3 * (y + 0.5));
    const out = new Float32Array(size * size);
    cropValues(slice, 20, 20, { x: 0, y: 0, width: 20, height: 20 }, size, 0, out);
    const step = 20 / size;
    const edge = Math.ceil(Math.max(1, step) / step);
    for (let j = edge; j < size - edge; j++)
      for (let i = edge; i < size - edge; i++) {
        const expected = 2 * (i + 0.5) * step + 3 * (j + 0.5) * step;
        assert.ok(
          Math.abs(out[j * size + i]! - expected) < tolerance,
          `${i}, ${j}: ${out[j * size + i]} is not ${expected}`,
        );
      }
  });
}

test("shrinking does not alias: a checkerboard becomes its mean", () => {
  const slice = ramp(64, 64, (x, y) => (x + y) % 2);
  const out = new Float32Array(256);
  cropValues(slice, 64, 64, { x: 0, y: 0, width: 64, height: 64 }, 16, 0, out);
  for (const v of out) assert.ok(Math.abs(v - 0.5) < 0.02, `${v}`);
});

test("labels are taken from the nearest pixel, 0 outside", () => {
  const slice = Uint8Array.from(ramp(4, 4, (x) => x));
  const out = new Uint8Array(64);
  cropLabels(slice, 4, 4, { x: 0, y: 0, width: 4, height: 4 }, 8, out);
  assert.equal([...out.subarray(0, 8)], [0, 0, 1, 1, 2, 2, 3, 3]);
  cropLabels(slice, 4, 4, { x: 2, y: 0, width: 4, height: 4 }, 4, out);
  assert.equal([...out.subarray(0, 4)], [2, 3, 0, 0]);
});

test("a disc cropped, shrunk and laid back covers itself (Dice above 0.97)", () => {
  const w = 150;
  const h = 130;
  const disc = Uint8Array.from(ramp(w, h, (x, y) => (Math.hypot(x - 70, y - 66) < 22 ? 1 : 0)));
  const field = centreField(w, h, [1, 1], 160);
  const size = 64;
  const small = new Float32Array(size * size);
  const back = new Float32Array(w * h);
  cropLabels(disc, w, h, field, size, small);
  uncropValues(small, size, field, w, h, 0, back);
  let both = 0;
  let a = 0;
  let b = 0;
  disc.forEach((v, i) => {
    const p = back[i]! > 0.5 ? 1 : 0;
    both += v & p;
    a += v;
    b += p;
  });
  assert.ok((2 * both) / (a + b) > 0.97, `Dice ${(2 * both) / (a + b)}`);
});

test("what lies outside the field comes back as the fill", () => {
  const back = new Float32Array(100);
  uncropValues(new Float32Array(16).fill(1), 4, { x: 3, y: 3, width: 4, height: 4 }, 10, 10, 0, back);
  assert.is(
    back.reduce((s, v) => s + v, 0),
    16,
  );
  assert.is(back[3 * 10 + 3], 1);
  assert.is(back[2 * 10 + 3], 0);
});

test("a field in millimetres is centred and follows the spacing", () => {
  assert.equal(centreField(200, 180, [0.9766, 0.9766], 156.25), { x: 20, y: 10, width: 160, height: 160 });
  assert.equal(centreField(159, 100, [1, 2], 160), { x: -1, y: 10, width: 160, height: 80 });
});

test.run();
