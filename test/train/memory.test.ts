// A replayed step makes nothing: after the first run no buffer, pipeline or bind group, and one submit a step.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/index.ts";
import { augmentedStep } from "../../train/augment.ts";
import { environment } from "../helpers/environment.ts";
import { tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("memory");
const STEPS = 60;

test(`${STEPS} steps of CMEDL: the counters stand still, one submit each, and disposing frees everything`, async () => {
  const device = await Device.open((await environment().gpu()).gpu);
  const cmedl = tinyCmedl();
  const batches = tinyBatches(STEPS);
  const step = await device.compile(
    augmentedStep((batch) => cmedl.step(batch)),
    batches.shapes,
    { mode: "train", name: "step" },
  );
  const buffers = batches.buffers();
  const next = async (s: number): Promise<void> => {
    batches.fill(0, s, buffers);
    step.run({ ...buffers });
    await step.read();
  };
  await next(0);
  const { totalSubmits: submits, ...first } = { ...device.counters };
  const stats = step.stats();
  for (let s = 1; s < STEPS; s++) await next(s);
  const { totalSubmits: after, ...last } = { ...device.counters };
  assert.equal(last, first);
  assert.is(after - submits, STEPS - 1);
  assert.equal({ ...step.stats(), runs: 0, submits: 0 }, { ...stats, runs: 0, submits: 0 });
  assert.is(step.stats().submits, STEPS);
  assert.ok(
    stats.activationBytes <= 1.15 * stats.lowerBoundBytes,
    `${stats.activationBytes} bytes of activations, at least ${stats.lowerBoundBytes} are needed`,
  );
  step.dispose();
  device.dispose();
  assert.is(device.counters.buffers, 0);
  assert.is(device.counters.bytes, 0);
});

test.run();
