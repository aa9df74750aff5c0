// Ten steps of a tiny CMEDL. On SwiftShader the losses are the same bits in Node and in a page: `npm run
// test:browser` compares.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentedStep } from "../../train/augment.ts";
import { device } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("ten steps");

test("ten steps of CMEDL give finite losses, and the same bits wherever they run", async () => {
  const d = await device();
  const cmedl = tinyCmedl();
  const batches = tinyBatches(10);
  using step = await d.compile(
    augmentedStep((batch) => cmedl.step(batch)),
    batches.shapes,
    { mode: "train", name: "ten steps" },
  );
  const buffers = batches.buffers();
  const bits: number[] = [];
  const names: string[] = [];
  for (let s = 0; s < 10; s++) {
    batches.fill(0, s, buffers);
    step.run({ ...buffers });
    const losses = await step.read();
    if (s === 0) names.push(...Object.keys(losses).sort());
    for (const name of names) {
      assert.ok(Number.isFinite(losses[name]![0]), `${name} of step ${s} is ${losses[name]![0]}`);
      bits.push(losses[name]![0]!);
    }
  }
  assert.is(step.stats().submits, 10);
  environment().record?.("losses of ten steps", Float32Array.from(bits));
});

test.run();
