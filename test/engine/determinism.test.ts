// The same program on the same adapter gives the same bits: on a new device, and run after run.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/index.ts";
import { augmentedStep } from "../../train/augment.ts";
import { environment } from "../helpers/environment.ts";
import { tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("determinism");

/** Losses of three steps and all parameters after them. */
async function course(): Promise<number[]> {
  using device = await Device.open((await environment().gpu()).gpu);
  const cmedl = tinyCmedl();
  const batches = tinyBatches(3);
  using step = await device.compile(
    augmentedStep((batch) => cmedl.step(batch)),
    batches.shapes,
    { mode: "train", name: "step" },
  );
  const buffers = batches.buffers();
  const found: number[] = [];
  for (let s = 0; s < 3; s++) {
    batches.fill(0, s, buffers);
    step.run({ ...buffers });
    for (const v of Object.values(await step.read())) found.push(v[0]!);
  }
  for (const o of cmedl.optimizers)
    for (const {
      state: [p],
    } of o.arenas)
      found.push(...(await device.read(p!)));
  return found;
}

test("three steps of CMEDL leave the same losses and parameters on two devices", async () => {
  const a = await course();
  const b = await course();
  assert.is(a.length, b.length);
  assert.is(
    a.findIndex((v, i) => !Object.is(v, b[i])),
    -1,
  );
});

test.run();
