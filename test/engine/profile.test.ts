// Profiling a training step: it gives the times of its dispatches, and trains on nothing.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { add, mul, square } from "../../engine/ops/elementwise.ts";
import { matmul } from "../../engine/ops/matmul.ts";
import { mean } from "../../engine/ops/reduce.ts";
import { RandomStream, randomNormal } from "../../engine/random-stream.ts";
import { Device } from "../../engine/run/device.ts";
import { Variable } from "../../engine/variable.ts";
import { Adam } from "../../train/adam.ts";
import { environment } from "../helpers/environment.ts";
import { noise, openDevice } from "../helpers/device.ts";

const test = suite("profile");

/** A step with a loss, a large output, an optimizer, noise, and a variable that counts runs. */
async function trained(device: Device) {
  const w = new Variable([32, 64], noise(32 * 64, 1, 0.1), { name: "w" });
  const runs = new Variable([1], [0], { name: "runs", trainable: false });
  const stream = new RandomStream(7);
  const adam = new Adam([w], { rate: 0.01, name: "adam" });
  const program = await device.compile(
    ({ x }) => {
      const y = matmul(add(x, mul(0.1, randomNormal([48, 32], stream))), w.value);
      const loss = mean(square(y));
      adam.minimize(loss);
      runs.assign(add(runs.value, 1));
      return { loss, y };
    },
    { x: [48, 32] },
    { mode: "train", name: "step" },
  );
  return {
    program,
    async state() {
      const arenas = adam.arenas.flatMap(({ state }) => state);
      const values = await device.readAll([runs, ...arenas]);
      return { values: values.map((v) => [...v]), steps: adam.steps, draws: stream.step, runs: program.stats().runs };
    },
  };
}

test("a profiled step leaves weights, moments, random streams, counters and results as they were", async () => {
  using device = await openDevice();
  if (!device.gpu.timestamps) return;
  const { program, state } = await trained(device);
  using step = program;
  const x = noise(48 * 32, 2);
  for (let i = 0; i < 2; i++) step.run({ x });
  const { loss, y } = await step.read();
  const before = await state();
  const buffers = device.counters.buffers;
  const times = await step.profile({ x: noise(48 * 32, 3) });
  assert.is(times.length, step.stats().dispatches);
  assert.ok(times.every((t) => t.timeUs >= 0));
  assert.equal(await state(), before);
  const again = await step.read();
  assert.equal([...again.loss, ...again.y], [...loss, ...y], "the latest run's results are what read() gives");
  assert.is(device.counters.buffers, buffers, "nothing is left on the GPU");
  assert.match(`${step.explain()}`, /µs/);

  step.run({ x });
  await step.read();
  using other = await openDevice();
  const unprofiled = await trained(other);
  using plain = unprofiled.program;
  for (let i = 0; i < 3; i++) plain.run({ x });
  await plain.read();
  assert.equal(await state(), await unprofiled.state(), "the next run is the one it would have been");
});

test("a program that was disposed, and feeds that are missing, are refused", async () => {
  const { gpu } = await environment().gpu();
  using device = await Device.open(gpu, { traits: environment().traits });
  if (!device.gpu.timestamps) return;
  const { program } = await trained(device);
  const buffers = device.counters.buffers;
  const message = async (): Promise<string> => program.profile().then(String, (e: Error) => e.message);
  assert.match(await message(), /input "x" \[48, 32\] is missing/);
  assert.is(device.counters.buffers, buffers);
  program.dispose();
  assert.match(await message(), /program step was disposed/);
});

test.run();
