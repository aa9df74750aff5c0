// Augmentation's geometry on the GPU against plain f64 loops, and what it must keep: identity, mirrors, quarter turns,
// ranges, order.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { affineOf, defaultAugmentation, drawTransforms } from "../../data/augment.ts";
import { type Tensor, mul, sum } from "../../engine/index.ts";
import type { Batch } from "../../train/regime.ts";
import { augment, augmentedStep, displacement } from "../../train/augment.ts";
import { device, noise } from "../helpers/device.ts";
import { SIZE, tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";
import * as reference from "../reference/augment.ts";
import { largest, same, waves } from "../helpers/augmented.ts";

const test = suite("augment on the GPU");
const GRID = 4;

interface Slices {
  image: ArrayLike<number>;
  mask: ArrayLike<number>;
  affine: ArrayLike<number>;
  elastic?: ArrayLike<number>;
}

async function run(
  [n, h, w]: readonly [number, number, number],
  { image, mask, affine, elastic = new Float32Array(2 * n * GRID ** 2) }: Slices,
): Promise<{ image: Float32Array; mask: Float32Array }> {
  const d = await device();
  const points = Math.round(Math.sqrt(elastic.length / (2 * n)));
  using program = await d.compile(
    (t) => augment(t.x, t.y, t.affine, t.elastic) as { image: Tensor; mask: Tensor },
    { x: [n, h, w, 1], y: [n, h, w, 1], affine: [n, 6], elastic: [n, points, points, 2] },
    { name: "augment" },
  );
  program.run({ x: image, y: mask, affine, elastic });
  return (await program.read()) as { image: Float32Array; mask: Float32Array };
}

/** Whole numbers 0 … 4, in blocks. */
const classes = (n: number, h: number, w: number): Float32Array =>
  Float32Array.from({ length: n * h * w }, (_, i) => (Math.floor((i % w) / 5) + 2 * Math.floor(i / w / 6)) % 5);

/** Slices [n, s, s] whose pixel (row, column) is the one `from` names. */
const rearranged = (
  x: ArrayLike<number>,
  s: number,
  from: (row: number, column: number) => readonly [number, number],
): Float32Array =>
  Float32Array.from({ length: x.length }, (_, i) => {
    const [row, column] = from(Math.floor(i / s) % s, i % s);
    return x[Math.floor(i / (s * s)) * s * s + row * s + column]!;
  });

for (const s of [32, 64]) {
  const image = noise(2 * s * s, 3);
  const mask = classes(2, s, s);
  const cases: [string, Parameters<typeof affineOf>[0], Parameters<typeof rearranged>[2]][] = [
    ["the identity changes no bit", { flip: false, radians: 0, scale: 1 }, (r, c) => [r, c]],
    ["a flip mirrors left and right to the bit", { flip: true, radians: 0, scale: 1 }, (r, c) => [r, s - 1 - c]],
    ["a quarter turn moves whole pixels", { flip: false, radians: Math.PI / 2, scale: 1 }, (r, c) => [s - 1 - c, r]],
    ["a half turn moves whole pixels", { flip: false, radians: Math.PI, scale: 1 }, (r, c) => [s - 1 - r, s - 1 - c]],
    ["a flip and a turn back move whole pixels", { flip: true, radians: -Math.PI / 2, scale: 1 }, (r, c) => [c, r]],
  ];
  for (const [name, how, from] of cases) {
    test(`${name}, ${s} × ${s}`, async () => {
      const affine = [...affineOf(how), ...affineOf(how)];
      const got = await run([2, s, s], { image, mask, affine });
      same(got.mask, rearranged(mask, s, from), "mask");
      same(got.image, rearranged(image, s, from), "image");
    });
  }
}

test("sides that are no power of two: masks to the bit, images to rounding", async () => {
  for (const s of [9, 48, 57]) {
    const image = waves(1, s, s);
    const mask = classes(1, s, s);
    for (const flip of [false, true]) {
      const got = await run([1, s, s], { image, mask, affine: affineOf({ flip, radians: 0, scale: 1 }) });
      const from = (r: number, c: number): readonly [number, number] => [r, flip ? s - 1 - c : c];
      same(got.mask, rearranged(mask, s, from), `mask ${s}`);
      // At the rim as much of the air outside comes in as the place is off: less than 1e-5 of a pixel.
      assert.ok(
        largest(got.image, rearranged(image, s, from)) < 1e-5,
        `image ${s}: ${largest(got.image, rearranged(image, s, from))}`,
      );
    }
  }
});

test("drawn transforms agree with f64 loops, image, mask and what is outside", async () => {
  for (const [n, h, w, points] of [
    [4, 64, 64, 4],
    [2, 48, 48, 5],
    [3, 33, 20, 2],
    [1, 1, 7, 3],
    [2, 96, 96, 9],
  ] as const) {
    const { affine, elastic } = drawTransforms(
      { flip: 0.5, degrees: 180, scale: 0.4, elastic: 0.06, elasticGrid: points },
      11,
      2,
      Array.from({ length: n }, (_, i) => i),
    );
    for (let i = 0; i < n; i++) affine[6 * i + 2] = 0.1 * i; // moved aside, too
    const image = waves(n, h, w);
    const mask = classes(n, h, w);
    const px = h * w;
    const got = await run([n, h, w], { image, mask, affine, elastic });
    let near = 0;
    for (let i = 0; i < n; i++) {
      const slice = (a: ArrayLike<number>, of: number): number[] =>
        Array.prototype.slice.call(a, i * of, (i + 1) * of) as number[];
      const want = reference.augment(
        slice(image, px),
        slice(mask, px),
        slice(affine, 6),
        slice(elastic, 2 * points * points),
        [h, w],
      );
      want.image.forEach((v, p) => {
        // Towards the air outside a slice changes not by a tenth from pixel to pixel but by up to 2.
        const off = Math.abs(got.image[i * px + p]! - v);
        assert.ok(off < (want.rim[p] ? 5e-5 : 1e-5), `${[n, h, w]} slice ${i} at ${p}: off by ${off}`);
      });
      want.mask.forEach((v, p) => {
        // Half-way between two pixels rounding decides.
        if (want.tie[p]! < 1e-4) near++;
        else assert.is(got.mask[i * px + p], v, `mask of slice ${i} at ${p}`);
      });
    }
    assert.ok(near <= 0.01 * n * px + 1, `${near} of ${n * px} pixels are near a tie`);
  }
});

test("image and mask move together: outline on outline", async () => {
  const n = 20;
  const s = 64;
  const px = s * s;
  const mask = Float32Array.from({ length: n * px }, (_, i) =>
    Math.hypot((i % s) - 26, (Math.floor(i / s) % s) - 36) < 12 ? 1 : 0,
  );
  const image = mask.map((v) => 2 * v - 1);
  const got = await run([n, s, s], {
    image,
    mask,
    ...drawTransforms(
      defaultAugmentation,
      7,
      0,
      Array.from({ length: n }, (_, i) => i),
    ),
  });
  for (let k = 0; k < n; k++) {
    let wrong = 0;
    let area = 0;
    let moved = 0;
    for (let p = k * px; p < (k + 1) * px; p++) {
      area += got.mask[p]!;
      if (got.mask[p] !== mask[p]) moved++;
      if (got.image[p]! > 0 !== got.mask[p]! > 0.5) wrong++;
    }
    assert.ok(area > 300 && moved > 5, `slice ${k}: ${area} pixels, ${moved} of another class than before`);
    assert.ok(wrong <= 20, `slice ${k}: ${wrong} pixels of the outline differ`);
  }
});

test("values keep their range, classes stay whole, air and background come in from outside", async () => {
  const n = 8;
  const s = 32;
  const image = noise(n * s * s, 8);
  const mask = classes(n, s, s).map((v) => v + 1);
  const got = await run([n, s, s], {
    image,
    mask,
    ...drawTransforms(
      { flip: 0.5, degrees: 45, scale: 0.5, elastic: 0.1, elasticGrid: 4 },
      5,
      0,
      Array.from({ length: n }, (_, i) => i),
    ),
  });
  assert.ok(got.image.every((v) => v >= -1 - 1e-6 && v <= 1 + 1e-6));
  assert.equal([...new Set(got.mask)].sort(), [0, 1, 2, 3, 4, 5]);
  const away = await run([1, s, s], {
    image: image.slice(0, s * s),
    mask: mask.slice(0, s * s),
    affine: [1, 0, 5, 0, 1, 0],
  });
  assert.ok(away.image.every((v) => v === -1) && away.mask.every((v) => v === 0));
});

test("a field is 0 where its points are, never above the largest, smooth, and that of the f64 loops", async () => {
  const d = await device();
  const s = 64;
  for (const points of [2, 4, 7]) {
    using program = await d.compile((t) => ({ field: displacement(t.elastic, [s, s]) }), {
      elastic: [2, points, points, 2],
    });
    const elastic = noise(4 * points * points, 6, 0.05);
    elastic.fill(0, 0, 2 * points * points); // the first slice's
    program.run({ elastic });
    const { field } = await program.read();
    const at = (slice: number, axis: number, row: number, column: number): number =>
      field[((slice * 2 + axis) * s + row) * s + column]!;
    let most = 0;
    let bend = 0;
    let off = 0;
    for (let row = 0; row < s; row++)
      for (let column = 0; column < s; column++) {
        const want = reference.displacement(elastic.slice(2 * points * points), [s, s], row, column);
        for (const axis of [0, 1]) {
          assert.is(Math.abs(at(0, axis, row, column)), 0);
          most = Math.max(most, Math.abs(at(1, axis, row, column)));
          off = Math.max(off, Math.abs(at(1, axis, row, column) - want[axis]!));
          if (column > 1)
            bend = Math.max(
              bend,
              Math.abs(at(1, axis, row, column) - 2 * at(1, axis, row, column - 1) + at(1, axis, row, column - 2)),
            );
        }
      }
    assert.ok(off < 1e-7, `off by ${off}`);
    assert.ok(most <= 0.05 && most > 0.005, `largest ${most}`);
    // |D″| ≤ 4 · largest between points, times the step between pixels squared; a kink would bend by the step itself.
    assert.ok(bend <= 4 * 0.05 * ((points - 1) / s) ** 2 + 1e-7, `bends by ${bend}`);
  }
});

test("a slice's result has the same bits in whatever batch and place it comes", async () => {
  const n = 6;
  const s = 32;
  const px = s * s;
  const image = noise(n * px, 2);
  const mask = classes(n, s, s);
  const all = await run([n, s, s], { image, mask, ...drawTransforms(defaultAugmentation, 3, 1, [0, 1, 2, 3, 4, 5]) });
  for (const order of [[4], [5, 0], [3, 1, 2]]) {
    const pick = (x: Float32Array): number[] => order.flatMap((i) => [...x.slice(i * px, (i + 1) * px)]);
    const some = await run([order.length, s, s], {
      image: pick(image),
      mask: pick(mask),
      ...drawTransforms(defaultAugmentation, 3, 1, order),
    });
    same(some.image, pick(all.image), `image of ${order}`);
    same(some.mask, pick(all.mask), `mask of ${order}`);
  }
});

test("a step sees augmented batches, and without transforms the batches themselves", async () => {
  const d = await device();
  const batches = tinyBatches(4);
  const out = batches.buffers();
  const seen = augmentedStep(({ xC, yC, xM, yM }: Batch) => ({ xC, yC, xM, yM }));
  using program = await d.compile(seen, batches.shapes);
  batches.fill(1, 2, out);
  program.run({ ...out });
  const got = await program.read();
  for (const m of ["C", "M"] as const) {
    const want = await run([2, SIZE, SIZE], {
      image: out[`x${m}`],
      mask: out[`y${m}`],
      affine: out[`t${m}`]!,
      elastic: out[`e${m}`]!,
    });
    same(got[`x${m}`], want.image, `x${m}`);
    same(got[`y${m}`], want.mask, `y${m}`);
    assert.ok(largest(got[`x${m}`], out[`x${m}`]) > 0.1);
  }
  const { xC, yC, xM, yM } = batches.shapes;
  using plain = await d.compile(
    (inputs) => {
      const b = seen(inputs);
      return { all: sum(mul(b.xC, b.xM)), y: sum(mul(b.yC, b.yM)) };
    },
    { xC: xC!, yC: yC!, xM: xM!, yM: yM! },
  );
  assert.not.match(String(plain.explain()), /gather-taps/);
});

test("in a step of CMEDL every slice is sampled once, whoever reads it", async () => {
  const d = await device();
  const cmedl = tinyCmedl();
  const batches = tinyBatches(4);
  using step = await d.compile(
    augmentedStep((batch) => cmedl.step(batch)),
    batches.shapes,
    { mode: "train", horizontal: false },
  );
  const { xC, yC, xM, yM } = batches.shapes;
  using plain = await d.compile(
    (batch) => cmedl.step(batch as unknown as Batch),
    { xC: xC!, yC: yC!, xM: xM!, yM: yM! },
    { mode: "train", horizontal: false },
  );
  const kernels = (text: string): number =>
    text.split("\n").filter((line) => /^\s*\d+\s+gather-taps/.test(line)).length;
  assert.is(kernels(String(plain.explain())), 0);
  assert.is(kernels(String(step.explain())), 4);
  const more = step.stats().dispatches - plain.stats().dispatches;
  assert.ok(more <= 40, `${more} dispatches more`);
});

test.run();
