// Augmentation of values on the GPU, contrast, brightness and gamma: those of plain f64 loops, and no other part of a
// step changes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultAugmentation, drawIntensities } from "../../data/augment.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import type { Batch } from "../../train/regime.ts";
import { augmentedStep, changeIntensity } from "../../train/augment.ts";
import { device } from "../helpers/device.ts";
import { SIZE, tinyBatches } from "../helpers/tiny-cmedl.ts";
import * as reference from "../reference/augment.ts";
import { largest, same, waves } from "../helpers/augmented.ts";

const test = suite("augmented values on the GPU");

test("changes of values are those of the f64 loops, clamped; nothing to change keeps every value", async () => {
  const d = await device();
  const [n, h, w] = [5, 33, 20];
  const px = h * w;
  using program = await d.compile(({ x, i }) => ({ y: changeIntensity(x, i) }), { x: [n, h, w, 1], i: [n, 3] });
  const x = waves(n, h, w).map((v) => 1.02 * v); // resampling may leave values a little outside
  x[0] = -1;
  x[1] = 1;
  const i = drawIntensities({ contrast: 0.6, brightness: 0.5, gamma: 0.7 }, 4, 1, [0, 1, 2, 3]);
  program.run({ x, i: [...i, 1, 1, 0] });
  const { y } = await program.read();
  let clamped = 0;
  for (let s = 0; s < n; s++) {
    const change = s < 4 ? ([i[3 * s], i[3 * s + 1], i[3 * s + 2]] as const) : ([1, 1, 0] as const);
    const want = reference.changeIntensity(x.slice(s * px, (s + 1) * px), change);
    want.forEach((v, p) => {
      const got = y[s * px + p];
      if (Math.abs(v) === 1) clamped++;
      assert.ok(Math.abs(got - v) < 2e-6, `slice ${s} at ${p}: ${got}, not ${v}`);
      assert.ok(got >= -1 && got <= 1);
    });
  }
  assert.ok(clamped > 10, "some values are clamped");
});

test("without changes of values a step is the one before, and with them the geometry and the masks stay", async () => {
  const d = await device();
  const { student, teacher, options } = tinyBatches(4);
  const seen = augmentedStep(({ xC, yC, xM, yM }: Batch) => ({ xC, yC, xM, yM }));
  const filled = async (intensity?: { contrast: number; brightness: number; gamma: number }) => {
    const augment = { ...defaultAugmentation, ...(intensity && { intensity }) };
    const batches = new UnpairedBatches(student, teacher, { ...options, augment });
    const out = batches.buffers();
    batches.fill(1, 2, out);
    using program = await d.compile(seen, batches.shapes);
    program.run({ ...out });
    return { out, got: await program.read(), text: String(program.explain()) };
  };
  const before = await filled();
  const none = await filled({ contrast: 0, brightness: 0, gamma: 0 });
  const some = await filled({ contrast: 0.4, brightness: 0.2, gamma: 0.4 });
  assert.equal(Object.keys(none.out), Object.keys(before.out));
  assert.is(none.text, before.text);
  for (const name of ["xC", "yC", "xM", "yM"] as const) same(none.got[name], before.got[name], name);
  for (const m of ["C", "M"] as const) {
    for (const name of [`x${m}`, `y${m}`, `t${m}`, `e${m}`] as const) same(some.out[name]!, before.out[name]!, name);
    same(some.got[`y${m}`], before.got[`y${m}`], `y${m}`);
    const px = SIZE * SIZE;
    for (let s = 0; s < 2; s++) {
      const [power, factor, shift] = some.out[`i${m}`]!.slice(3 * s, 3 * s + 3) as unknown as [number, number, number];
      const x = before.got[`x${m}`].slice(s * px, (s + 1) * px);
      const got = some.got[`x${m}`].slice(s * px, (s + 1) * px);
      const want = reference.changeIntensity(x as Float32Array, [power, factor, shift]);
      assert.ok(largest(got, want) < 2e-6, `x${m}: ${largest(got, want)}`);
      assert.ok(largest(got, x) > 0.02);
    }
  }
});

test.run();
