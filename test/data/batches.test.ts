import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultAugmentation } from "../../data/augment.ts";
import { type BatchBuffers, UnpairedBatches } from "../../data/batches.ts";
import { keyOf, normal, permutation, uniform } from "../../data/random.ts";
import { type SliceSet, sliceSet } from "../../data/slices.ts";

const test = suite("batches");
const set = (count: number, size = 4): SliceSet =>
  sliceSet({
    size,
    count,
    origins: Array.from({ length: count }, (_, i) => ({ id: `${i}`, patient: `${i}`, z: 0 })),
    images: Float32Array.from({ length: count * size * size }, (_, i) => Math.floor(i / (size * size))),
    masks: Uint8Array.from({ length: count * size * size }, (_, i) => Math.floor(i / (size * size)) % 2),
  });

test("an epoch shows each slice of the longer set once and goes round the shorter again", () => {
  const batches = new UnpairedBatches(set(12), set(5), { batch: 3, seed: 1 });
  assert.is(batches.stepsPerEpoch, 4);
  const seen = (role: "student" | "teacher"): number[] =>
    Array.from({ length: 4 }, (_, s) => batches.indices(role, 0, s)).flat();
  assert.equal(
    [...seen("student")].sort((a, b) => a - b),
    [...Array(12).keys()],
  );
  const teacher = seen("teacher");
  assert.equal([...teacher.slice(0, 5)].sort(), [0, 1, 2, 3, 4]);
  assert.equal([...teacher.slice(5, 10)].sort(), [0, 1, 2, 3, 4]);
});

test("a batch follows from seed, epoch and step alone, in whatever order they are asked for", () => {
  const a = new UnpairedBatches(set(20), set(30), { batch: 4, seed: 9, augment: defaultAugmentation });
  const b = new UnpairedBatches(set(20), set(30), { batch: 4, seed: 9, augment: defaultAugmentation });
  const bufferA = a.buffers();
  const bufferB = b.buffers();
  for (let step = 0; step < 8; step++) a.fill(2, step, bufferA); // ends with step 7
  b.fill(2, 7, bufferB);
  assert.equal(bufferA, bufferB);
  b.fill(2, 6, bufferB);
  assert.not.equal(bufferA.xC, bufferB.xC);
});

test("epochs, seeds and sets are shuffled apart", () => {
  const order = (seed: number, epoch: number, role: "student" | "teacher"): string => {
    const batches = new UnpairedBatches(set(40), set(40), { batch: 40, seed });
    return batches.indices(role, epoch, 0).join();
  };
  assert.is(
    new Set([
      order(1, 0, "student"),
      order(1, 1, "student"),
      order(2, 0, "student"),
      order(1, 0, "teacher"),
      order(1, 1, "teacher"),
    ]).size,
    5,
  );
});

test("images and masks are copied to their places as they are, with augmentation or without", () => {
  for (const augment of [undefined, defaultAugmentation]) {
    const batches = new UnpairedBatches(set(6), set(6), { batch: 2, seed: 4, ...(augment && { augment }) });
    const out = batches.buffers();
    batches.fill(0, 1, out);
    const [i, j] = batches.indices("student", 0, 1) as [number, number];
    assert.equal([out.xC[0], out.xC[15], out.xC[16], out.xC[31]], [i, i, j, j]);
    assert.equal([out.yC[0], out.yC[16]], [i % 2, j % 2]);
    assert.equal(Object.keys(out), Object.keys(batches.shapes));
    for (const [name, shape] of Object.entries(batches.shapes))
      assert.is(
        out[name as "xC"].length,
        shape.reduce((n, d) => n * d, 1),
        name,
      );
  }
});

test("the transforms are those of role and place in the epoch, whatever the batch size", () => {
  const transforms = (batch: number): { tC: number[]; eC: number[]; tM: number[]; eM: number[] } => {
    const batches = new UnpairedBatches(set(8), set(12), { batch, seed: 4, augment: defaultAugmentation });
    const out = batches.buffers();
    const all = { tC: [] as number[], eC: [] as number[], tM: [] as number[], eM: [] as number[] };
    for (let step = 0; step < batches.stepsPerEpoch; step++) {
      batches.fill(1, step, out);
      for (const name of ["tC", "eC", "tM", "eM"] as const) all[name].push(...out[name]!);
    }
    return all;
  };
  const whole = transforms(12);
  assert.equal(transforms(2), whole);
  assert.equal(transforms(3), whole);
  assert.not.equal(whole.tC, whole.tM);
  assert.not.equal(whole.eC, whole.eM);
});

test("a flip exchanges the classes that have sides, in the slices that it flips and in no others", () => {
  const size = 4;
  const sided: SliceSet = { ...set(40, size), masks: Uint8Array.from({ length: 40 * 16 }, (_, i) => i % 5) };
  const augment = { ...defaultAugmentation, sides: [[1, 3]] as const };
  const buffers = (sides: typeof augment | typeof defaultAugmentation): BatchBuffers => {
    const batches = new UnpairedBatches(sided, sided, { batch: 40, seed: 3, augment: sides });
    const out = batches.buffers();
    batches.fill(0, 0, out);
    return out;
  };
  const plain = buffers(defaultAugmentation);
  const paired = buffers(augment);
  assert.equal(paired.tC, plain.tC);
  let flipped = 0;
  for (const [y, t, before] of [
    [paired.yC, paired.tC!, plain.yC],
    [paired.yM, paired.tM!, plain.yM],
  ] as const)
    for (let i = 0; i < 40; i++) {
      const mirrored = t[6 * i]! * t[6 * i + 4]! - t[6 * i + 1]! * t[6 * i + 3]! < 0;
      if (mirrored) flipped++;
      const other = (v: number): number => (mirrored ? [0, 3, 2, 1, 4][v]! : v);
      assert.equal([...y.slice(16 * i, 16 * i + 16)], [...before.slice(16 * i, 16 * i + 16)].map(other));
    }
  assert.ok(flipped > 20 && flipped < 60, `${flipped} of 80`);
});

test("an augmentation that cannot be is refused", () => {
  assert.throws(
    () => new UnpairedBatches(set(3), set(3), { batch: 1, seed: 0, augment: { ...defaultAugmentation, scale: 1 } }),
    /augment.scale: 1 would let a slice vanish/,
  );
  assert.throws(
    () =>
      new UnpairedBatches(set(3), set(3), { batch: 1, seed: 0, augment: { ...defaultAugmentation, elasticGrid: 1.5 } }),
    /augment.elasticGrid: 1.5 is no whole number above 1/,
  );
});

test("sizes that differ, empty sets and a batch of 0 are refused", () => {
  assert.throws(() => new UnpairedBatches(set(3, 4), set(3, 8), { batch: 1, seed: 0 }), /4 and 8 pixels/);
  assert.throws(() => new UnpairedBatches(set(0), set(3), { batch: 1, seed: 0 }), /empty/);
  assert.throws(() => new UnpairedBatches(set(3), set(3), { batch: 0, seed: 0 }), /batch/);
});

test("the random numbers are uniform, normal and fair", () => {
  const key = keyOf(5, "test");
  const n = 40000;
  let mean = 0;
  let square = 0;
  let third = 0;
  const bins = new Uint32Array(20);
  for (let i = 0; i < n; i++) bins[Math.floor(20 * uniform(key, i))]!++;
  for (const b of bins) assert.ok(Math.abs(b - n / 20) < 5 * Math.sqrt(n / 20), `a bin holds ${b}`);
  for (let i = 0; i < n; i++) {
    const v = normal(key, i);
    mean += v / n;
    square += (v * v) / n;
    third += v ** 3 / n;
  }
  assert.ok(
    Math.abs(mean) < 0.02 && Math.abs(square - 1) < 0.04 && Math.abs(third) < 0.08,
    `${mean}, ${square}, ${third}`,
  );
  // Neighbouring counters and neighbouring keys do not follow one another.
  const correlation = (f: (i: number) => number, g: (i: number) => number): number => {
    let c = 0;
    for (let i = 0; i < n; i++) c += (12 * (f(i) - 0.5) * (g(i) - 0.5)) / n;
    return c;
  };
  assert.ok(
    Math.abs(
      correlation(
        (i) => uniform(key, i),
        (i) => uniform(key, i + 1),
      ),
    ) < 0.025,
  );
  assert.ok(
    Math.abs(
      correlation(
        (i) => uniform(keyOf(key, i), 0),
        (i) => uniform(keyOf(key, i + 1), 0),
      ),
    ) < 0.025,
  );
  assert.ok(
    Math.abs(
      correlation(
        (i) => uniform(keyOf(key, i), 0),
        (i) => uniform(keyOf(key, i), 1),
      ),
    ) < 0.025,
  );
  assert.is(new Set(Array.from({ length: 5000 }, (_, i) => keyOf(1, "a", i))).size, 5000);
  const first = new Uint32Array(6);
  for (let k = 0; k < 6000; k++) first[permutation(6, keyOf("fair", k))[0]!]!++;
  for (const f of first) assert.ok(Math.abs(f - 1000) < 150, `an element comes first ${f} times of 6,000`);
});

test.run();
