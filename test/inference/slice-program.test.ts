// How many slices a device takes at a time is found, not given: as many as were asked for, or as few as it can hold.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  LimitExceededError,
  ShapeError,
  type Tensor,
  UsageError,
  add,
  expand,
  mul,
} from "../../engine/index.ts";
import { SliceProgram } from "../../inference/slice-program.ts";
import { environment } from "../helpers/environment.ts";
import { noise } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("slice programs");
const SIZE = 64;
const WIDE = 16;
/** Bytes of the wider output of one slice. */
const EACH = 4 * WIDE * SIZE ** 2;
const f = (x: Tensor) => ({ y: add(mul(x, 2), 1), wide: add(expand(x, [...x.shape.slice(0, 3), WIDE]), 1) });

const opened = async (maxBufferBytes?: number): Promise<Device> =>
  Device.open((await environment().gpu()).gpu, { maxBufferBytes });

test("slices by ones, twos and eights give the same", async () => {
  const slices = noise(11 * SIZE ** 2, 3);
  const results: Record<string, Float32Array>[] = [];
  for (const [most, batch] of [
    [undefined, 8],
    [2 * EACH + 1000, 2],
    [EACH, 1],
  ] as const) {
    using device = await opened(most);
    using program = await SliceProgram.compile(device, f, { batch: 8, size: SIZE, name: "doubled" });
    assert.is(program.batch, batch);
    results.push(await program.run(slices));
  }
  assert.is(results[0]!.y!.length, slices.length);
  assert.is(results[0]!.wide!.length, WIDE * slices.length);
  for (const other of results) assert.equal(other, results[0]);
});

test("where not one slice can be held, the size that can is named, and estimate says the same as compile", async () => {
  using device = await opened(100_000);
  let said = "";
  try {
    device.estimate((inputs) => f(inputs.x), { x: [1, SIZE, SIZE, 1] });
  } catch (error) {
    assert.instance(error, LimitExceededError);
    said = (error as Error).message;
  }
  assert.match(said, /^program: .* needs 262144 bytes, this device's buffers hold at most 100000; make the batch/);
  const { totalSubmits: submits, buffers } = device.counters;
  try {
    await SliceProgram.compile(device, f, { batch: 4, size: SIZE, name: "doubled" });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /^doubled: .* slices of 32 × 32 fit \(data\.size\)$/);
  }
  assert.equal({ submits: device.counters.totalSubmits, buffers: device.counters.buffers }, { submits, buffers });
});

test("runs that are asked for at once give each its own", async () => {
  using device = await opened();
  using program = await SliceProgram.compile(device, f, { batch: 2, size: SIZE, name: "doubled" });
  const [one, two] = [noise(5 * SIZE ** 2, 6), noise(3 * SIZE ** 2, 7)];
  const alone = [await program.run(one), await program.run(two)];
  assert.equal(await Promise.all([program.run(one), program.run(two)]), alone);
});

test("what are no slices, and batches of none, are refused", async () => {
  using device = await opened();
  using program = await SliceProgram.compile(device, f, { batch: 2, size: SIZE, name: "doubled" });
  for (const length of [0, SIZE ** 2 + 1])
    await refused(() => program.run(new Float32Array(length)), /doubled.*numbers are no slices of 64 × 64/, ShapeError);
  for (const batch of [0, -1, 1.5])
    await refused(
      () => SliceProgram.compile(device, f, { batch, size: SIZE, name: "doubled" }),
      /doubled: a batch of .* slices; give a whole number of at least 1/,
      UsageError,
    );
});

test("an abort ends a run over slices at once, and the next run is whole", async () => {
  using device = await opened();
  using program = await SliceProgram.compile(device, f, { batch: 1, size: SIZE, name: "doubled" });
  const slices = noise(6 * SIZE ** 2, 4);
  const controller = new AbortController();
  const reason = new Error("enough");
  const running = program.run(slices, { signal: controller.signal }).catch((error: unknown) => error);
  setTimeout(() => controller.abort(reason));
  assert.is(await running, reason);
  assert.is(await program.run(slices, { signal: controller.signal }).catch((error: unknown) => error), reason);
  assert.equal(
    (await program.run(slices)).y,
    slices.map((v) => Math.fround(2 * v) + 1),
  );
});

test.run();
