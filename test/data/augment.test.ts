import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultAugment, drawTransform, transformInto } from "../../data/augment.ts";

const test = suite("augment");
const size = 32, n = size * size;
const disc = (cx: number, cy: number, r: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (Math.hypot((i % size) + 0.5 - cx, Math.floor(i / size) + 0.5 - cy) < r ? 1 : 0));
const run = (mask: Uint8Array, t: Parameters<typeof transformInto>[4]): { image: Float32Array; mask: Float32Array } => {
  const image = Float32Array.from(mask, (v) => 2 * v - 1), out = { image: new Float32Array(n), mask: new Float32Array(n) };
  transformInto(image, mask, 0, size, t, out.image, out.mask, 0);
  return out;
};
const centre = (mask: Float32Array): [number, number] => {
  let s = 0, x = 0, y = 0;
  mask.forEach((v, i) => { s += v; x += v * ((i % size) + 0.5); y += v * (Math.floor(i / size) + 0.5); });
  return [x / s, y / s];
};

test("no transform changes nothing", () => {
  const mask = disc(10, 20, 5), out = run(mask, { flip: false, radians: 0, scale: 1 });
  assert.equal([...out.mask], [...mask]);
  assert.equal([...out.image], [...mask].map((v) => 2 * v - 1));
});

test("a flip mirrors left and right, and twice it is nothing", () => {
  const mask = disc(10, 20, 5), once = run(mask, { flip: true, radians: 0, scale: 1 });
  assert.equal(centre(once.mask).map(Math.round), [22, 20]);
  assert.equal([...run(Uint8Array.from(once.mask), { flip: true, radians: 0, scale: 1 }).mask], [...mask]);
});

test("a quarter turn and scaling move a disc where geometry says", () => {
  const turned = centre(run(disc(26, 16, 4), { flip: false, radians: Math.PI / 2, scale: 1 }).mask);
  assert.ok(Math.hypot(turned[0] - 16, turned[1] - 26) < 0.2, `at ${turned}`);
  const grown = run(disc(16, 16, 6), { flip: false, radians: 0, scale: 1.5 }).mask.reduce((s, v) => s + v, 0);
  assert.ok(Math.abs(grown - Math.PI * 81) < 15, `${grown} pixels`);
});

test("image and mask move together", () => {
  for (let i = 0; i < 20; i++) {
    const out = run(disc(13, 18, 6), drawTransform(defaultAugment, 7, 0, i));
    let wrong = 0;
    out.mask.forEach((v, p) => { if ((out.image[p] > 0) !== (v > 0.5)) wrong++; });
    assert.ok(wrong <= 12, `${wrong} pixels of the border differ`);
  }
});

test("a transform depends on key, epoch and index alone and keeps its bounds", () => {
  const drawn = Array.from({ length: 500 }, (_, i) => drawTransform(defaultAugment, 7, 3, i));
  assert.equal(drawTransform(defaultAugment, 7, 3, 123), drawn[123]);
  assert.not.equal(drawTransform(defaultAugment, 7, 4, 123), drawn[123]);
  assert.not.equal(drawTransform(defaultAugment, 8, 3, 123), drawn[123]);
  const flips = drawn.filter((t) => t.flip).length;
  assert.ok(flips > 200 && flips < 300, `${flips} of 500 flipped`);
  assert.ok(drawn.every((t) => Math.abs(t.radians) <= Math.PI / 18 && t.scale >= 0.9 && t.scale <= 1.1));
  assert.ok(drawn.some((t) => t.radians > 0.15) && drawn.some((t) => t.radians < -0.15));
});

test.run();
