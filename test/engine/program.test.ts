// A program run after run: what it is fed, what its variables and earlier runs hold, what it explains, and that it
// makes nothing after the first run.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expand } from "../../engine/ops/broadcast.ts";
import { add, mul, square } from "../../engine/ops/elementwise.ts";
import { relu } from "../../engine/ops/activation.ts";
import { sum } from "../../engine/ops/reduce.ts";
import { Variable } from "../../engine/variable.ts";
import { device, noise } from "../helpers/device.ts";

const test = suite("program");

test("assign moves a variable, run after run, and swaps keep old values", async () => {
  const d = await device();
  const a = new Variable([3], [1, 2, 3], { name: "a" });
  const b = new Variable([3], [10, 20, 30], { name: "b" });
  using p = await d.compile(() => {
    const oldA = a.value;
    const oldB = b.value;
    a.assign(oldB);
    b.assign(add(oldA, 1));
    return { s: sum(a.value) };
  });
  p.run();
  assert.is((await p.read()).s[0], 60);
  p.run();
  await p.read();
  assert.equal([...(await d.read(a))], [2, 3, 4]);
  assert.equal([...(await d.read(b))], [11, 21, 31]);
});

test("wrong feeds are named", async () => {
  const d = await device();
  using p = await d.compile(({ x }) => ({ y: mul(x, 2) }), { x: [2, 2] });
  assert.throws(() => p.run({}), /input "x" \[2, 2\] is missing/);
  assert.throws(() => p.run({ x: [1, 2] }), /\[2, 2\] = 4 numbers, got 2/);
  assert.throws(() => p.run({ x: [1, 2, 3, 4], z: [1] }), /no input "z"/);
  await p.read().then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /has not run yet/),
  );
});

test("earlier runs are read from a ring, and ready() bounds how many are under way", async () => {
  const d = await device();
  using p = await d.compile(({ x }) => ({ y: mul(x, 2), large: expand(x, [4096, 1]) }), { x: [1] });
  for (let i = 0; i < 5; i++) {
    await p.ready();
    p.run({ x: [i] });
  }
  assert.equal(
    [...(await p.readEarlier(2, "y")).y, ...(await p.readEarlier(1)).y, ...(await p.readEarlier(0)).y],
    [4, 6, 8],
  );
  await p.readEarlier(3).then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /3 runs before the latest are gone/),
  );
  await p.readEarlier(1, "large").then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /"large" is kept of the latest run only/),
  );
  const before = d.counters.buffers;
  for (let i = 0; i < 8; i++) {
    await p.ready();
    p.run({ x: [i] });
  }
  assert.is(d.counters.buffers, before);
  assert.is((await p.read()).y[0], 14);
});

test("a program explains each dispatch, and what it fused", async () => {
  const d = await device();
  using p = await d.compile(
    ({ x, y }) => ({ z: relu(add(mul(x, y), 0.3)) }),
    { x: [10, 100], y: [10, 100] },
    { name: "chain" },
  );
  const { dispatches } = p.explain();
  assert.is(dispatches.length, 2);
  const { kernel, fused, flops, bytes, memory } = dispatches[0]!;
  assert.equal([kernel, fused, bytes], ["map", ["mul", "add", "relu"], 12000]);
  assert.ok(flops >= 3000);
  assert.equal(
    memory.map((m) => m.access),
    ["read_write", "read", "read"],
  );
  assert.match(`${p.explain()}`, /^chain: 2 dispatches, .*\n {3}0 {2}map .*relu \[10, 100\] ← mul, add, relu/);
});

test("no buffer, pipeline or bind group is made after the first run", async () => {
  const d = await device();
  using p = await d.compile(({ x }) => ({ y: sum(square(expand(x, [16, 64]))) }), { x: [64] });
  const x = noise(64);
  p.run({ x });
  await p.read();
  const before = { ...d.counters };
  for (let i = 0; i < 20; i++) {
    p.run({ x });
    await p.read();
  }
  assert.equal({ ...d.counters, totalSubmits: 0 }, { ...before, totalSubmits: 0 });
  assert.is(d.counters.totalSubmits - before.totalSubmits, 20);
});

test("runs that were encoded ahead give what others give, in their order; buffers that move are followed", async () => {
  const d = await device();
  const count = new Variable([2], [0, 10], { name: "count" });
  using p = await d.compile(
    ({ x }) => {
      count.assign(add(count.value, x));
      return { y: add(count.value, 0) };
    },
    { x: [2] },
  );
  p.encodeAhead();
  p.encodeAhead();
  const found: number[] = [];
  for (const x of [1, 2, 3]) {
    p.run({ x: [x, x] });
    p.encodeAhead();
    found.push(...(await p.read()).y);
  }
  assert.equal(
    found,
    [0, 10, 1, 11, 3, 13].map((v, i) => v + [1, 1, 2, 2, 3, 3][i]!),
  );
  assert.throws(() => p.run({ x: [1] }), /got 1/);
  p.run({ x: [4, 4] });
  p.run({ x: [5, 5] });
  assert.equal([...(await p.readEarlier(1)).y, ...(await p.read()).y], [10, 20, 15, 25]);
  // An optimizer of another program may move a variable's buffer.
  p.encodeAhead();
  using reader = await d.compile(() => ({ twice: mul(count.value, 2) }));
  reader.run();
  assert.equal([...(await reader.read()).twice], [30, 50]);
  p.run({ x: [1, 1] });
  assert.equal([...(await p.read()).y], [16, 26]);
  assert.is(p.stats().runs, 6);
});

test.run();
