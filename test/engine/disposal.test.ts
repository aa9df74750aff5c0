// What was disposed or lost says so, whatever is asked of it, and nothing of it is left.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Device, DeviceLostError, UsageError, Variable, add, mul } from "../../engine/index.ts";
import { openDevice, tensor } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("disposal");

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

test("a program that was disposed says so, whatever is asked of it", async () => {
  const program = await device.compile(({ x }) => ({ y: mul(x!, 2) }), { x: [2] }, { name: "gone" });
  program.run({ x: [1, 2] });
  program.dispose();
  program.dispose();
  for (const use of [
    () => program.run({ x: [1, 2] }),
    () => program.read(),
    () => program.readEarlier(1),
    () => program.ready(),
    () => program.profile({ x: [1, 2] }),
    () => program.opened(),
  ])
    await refused(use, /^program gone was disposed/, UsageError);
});

test("what is being read when its program is disposed comes, or is refused with the reason", async () => {
  for (const size of [2, 5000]) {
    for (const wait of [0, 1, 2, 5]) {
      const program = await device.compile(({ x }) => ({ y: mul(x!, 2), z: add(x!, 1) }), { x: [size] });
      program.run({ x: new Float32Array(size).fill(1) });
      const reading = program.read().then(
        ({ y }) => y[0],
        (error: unknown) => error,
      );
      for (let i = 0; i < wait; i++) await Promise.resolve();
      program.dispose();
      const found = await reading;
      if (found !== 2) {
        assert.instance(found, UsageError);
        assert.match((found as Error).message, /was disposed/);
      }
      assert.equal(Array.from(await device.evaluate(add(tensor([1]), 1))), [2]);
    }
  }
});

test("a device that was disposed says so, and what was being read too", async () => {
  const d = await openDevice();
  const v = new Variable([2], [1, 2]);
  const program = await d.compile(({ x }) => ({ y: mul(x!, v.value) }), { x: [2] });
  program.run({ x: [1, 2] });
  const reading = program.read().then(
    () => undefined,
    (error: unknown) => error,
  );
  d.dispose();
  const error = await reading;
  if (error !== undefined) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, /was disposed/);
  }
  for (const use of [
    () => d.read(v),
    () => d.write(v, [1, 2]),
    () => d.compile(() => ({})),
    () => d.evaluate(tensor([1])),
    () => program.run({ x: [1, 2] }),
    () => program.read(),
  ])
    await refused(use, /was disposed/, UsageError);
});

test("what is asked of a lost device is refused as lost", async () => {
  const d = await openDevice();
  const v = new Variable([2], [1, 2]);
  const program = await d.compile(({ x }) => ({ y: mul(x!, v.value) }), { x: [2] });
  program.run({ x: [1, 2] });
  await program.read();
  d.gpu.device.destroy();
  await d.gpu.device.lost;
  await Promise.resolve();
  for (const use of [
    () => d.write(v, [1, 2]),
    () => d.read(v),
    () => program.run({ x: [1, 2] }),
    () => d.compile(({ x }) => ({ y: add(x!, 3) }), { x: [3] }),
    () => d.evaluate(add(tensor([1]), 4)),
  ])
    await refused(use, /lost/, DeviceLostError);
  d.dispose();
});

test("live counts fall when a program, and to nothing when a device, is disposed", async () => {
  const d = await openDevice();
  const v = new Variable([3], [1, 2, 3]);
  const compiled = () => d.compile(({ x }) => ({ y: mul(x!, v.value) }), { x: [3] });
  const first = await compiled();
  const held = { ...d.counters };
  assert.ok(held.buffers > 0 && held.bytes > 0 && held.pipelines > 0 && held.bindGroups > 0);
  const second = await compiled();
  assert.ok(d.counters.bindGroups > held.bindGroups);
  second.dispose();
  assert.equal({ ...d.counters, peakBytes: 0 }, { ...held, peakBytes: 0 });
  first.run({ x: [1, 1, 1] });
  await first.read();
  const submits = d.counters.totalSubmits;
  assert.ok(submits > 0);
  d.dispose();
  const { peakBytes, totalSubmits, ...live } = d.counters;
  assert.equal(live, { buffers: 0, bytes: 0, pipelines: 0, bindGroups: 0 });
  assert.is(totalSubmits, submits);
  assert.ok(peakBytes > 0);
});

test("programs that come and go leave nothing: buffers, bytes, pipelines and bind groups stay as they are", async () => {
  const d = await openDevice();
  const v = new Variable([3], [1, 2, 3]);
  let held: unknown;
  for (let cycle = 0; cycle < 40; cycle++) {
    const program = await d.compile(({ x }) => ({ y: add(mul(x!, v.value), 1) }), { x: [3] });
    program.run({ x: [1, 1, 1] });
    await program.read();
    program.dispose();
    const { peakBytes, totalSubmits, ...live } = d.counters;
    held ??= live;
    assert.equal(live, held, `cycle ${cycle}`);
  }
  d.dispose();
});

test.run();
