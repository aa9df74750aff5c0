// Where variables live: they move into an optimizer's memory at any time, and from device to device, with their values.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Device,
  type Tensor,
  UsageError,
  ValuesLostError,
  Variable,
  add,
  matmul,
  mean,
  mul,
  square,
  sub,
  sum,
} from "../../engine/index.ts";
import { Adam } from "../../train/adam.ts";
import { device, openDevice } from "../helpers/device.ts";

const test = suite("variables");

/** A line, its prediction and its training step. */
function line() {
  const w = new Variable([1], [1], { name: "w" });
  const b = new Variable([1], [0.5], { name: "b" });
  const y = (x: Tensor): Tensor => add(mul(x, w.value), b.value);
  const stepOf =
    (adam: Adam) =>
    ({ x, t }: { x: Tensor; t: Tensor }) => {
      const loss = mean(square(sub(y(x), t)));
      adam.minimize(loss);
      return { loss };
    };
  return { w, b, y, stepOf };
}
const x = [1, 2, 3, 4];
const t = [3, 5, 7, 9];
const shapes = { x: [4], t: [4] };

/** The line after `steps` steps, without anything before them. */
async function trained(d: Device, steps: number) {
  const { w, b, stepOf } = line();
  using step = await d.compile(stepOf(new Adam([w, b], { rate: 0.1 })), shapes, { mode: "train" });
  for (let i = 0; i < steps; i++) step.run({ x, t });
  return [...(await d.read(w)), ...(await d.read(b))];
}

test("infer first, fine-tune later: the weights go on, and the old program follows them", async () => {
  const d = await device();
  const { w, b, y, stepOf } = line();
  using predict = await d.compile(({ x }) => ({ y: y(x!) }), { x: [4] });
  predict.run({ x });
  assert.equal(Array.from((await predict.read()).y), [1.5, 2.5, 3.5, 4.5]);
  using step = await d.compile(stepOf(new Adam([w, b], { rate: 0.1 })), shapes, { mode: "train" });
  predict.run({ x });
  assert.equal(Array.from((await predict.read()).y), [1.5, 2.5, 3.5, 4.5]);
  for (let i = 0; i < 3; i++) step.run({ x, t });
  const [slope, height] = await trained(d, 3);
  assert.equal([...(await d.read(w)), ...(await d.read(b))], [slope, height]);
  predict.run({ x });
  const found = Array.from((await predict.read()).y);
  found.forEach((v, i) => assert.ok(Math.abs(v - (x[i]! * slope! + height!)) < 1e-6, `${found}`));
});

test("weights that were written before an optimizer was made are those that it starts with", async () => {
  const d = await device();
  const { w, b, stepOf } = line();
  d.write(w, [2]);
  assert.equal(Array.from(await d.read(w)), [2]);
  const adam = new Adam([w, b], { rate: 0, ema: 0.5 });
  using step = await d.compile(stepOf(adam), shapes, { mode: "train" });
  using shown = await d.compile(() => adam.averaged(() => ({ w: add(w.value, 0), b: add(b.value, 0) })));
  step.run({ x, t });
  shown.run();
  const { w: average } = await shown.read();
  assert.equal(Array.from(average), [2]);
  assert.equal(Array.from(await d.read(w)), [2]);
});

test("a new optimizer takes over the parameters of an old one, with their values", async () => {
  const d = await device();
  for (const swapped of [false, true]) {
    const { w, b, y, stepOf } = line();
    using first = await d.compile(stepOf(new Adam([w, b], { rate: 0.1 })), shapes, { mode: "train" });
    first.run({ x, t });
    using predict = await d.compile(({ x }) => ({ y: y(x!) }), { x: [4] });
    const before = [...(await d.read(w)), ...(await d.read(b))];
    const other = new Variable([2], [5, 6], { name: "other" });
    const second = new Adam(swapped ? [b, w] : [other, w, b], { rate: 0.2 });
    using step = await d.compile(stepOf(second), shapes, { mode: "train" });
    assert.equal([...(await d.read(w)), ...(await d.read(b))], before);
    step.run({ x, t });
    const after = [...(await d.read(w)), ...(await d.read(b))];
    assert.ok(after.every((v, i) => v > before[i]!));
    const mustCompileAgain = (use: () => void): void =>
      assert.throws(use, (e: Error) => e instanceof UsageError && /compile the programs again/.test(e.message));
    mustCompileAgain(() => first.run({ x, t }));
    if (swapped) {
      // It was compiled for parameters that stand in the other order.
      mustCompileAgain(() => predict.run({ x }));
      continue;
    }
    predict.run({ x });
    const found = Array.from((await predict.read()).y);
    found.forEach((v, i) => assert.ok(Math.abs(v - (x[i]! * after[0]! + after[1]!)) < 1e-5, `${found}`));
    assert.equal(Array.from(await d.read(other)), [5, 6]);
  }
});

test("an optimizer that lost a parameter says so", async () => {
  const d = await device();
  const { w, b, stepOf } = line();
  const old = new Adam([w, b], { rate: 0.1, name: "old" });
  void new Adam([w], { rate: 0.1, name: "new" });
  try {
    await d.compile(stepOf(old), shapes);
    assert.unreachable("an optimizer moved a parameter of another");
  } catch (error) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, /w belongs to an optimizer that was made later \(new\.p\)/);
  }
});

test("a parameter that is given twice is refused", () => {
  const { w } = line();
  assert.throws(() => new Adam([w, w], { rate: 1 }), /w is given to one optimizer twice/);
});

test("another device starts with the values that the last one holds", async () => {
  const { w, b, y, stepOf } = line();
  const adam = new Adam([w, b], { rate: 0.1 });
  const first = await openDevice();
  const step = await first.compile(stepOf(adam), shapes, { mode: "train" });
  for (let i = 0; i < 2; i++) step.run({ x, t });
  const held = [...(await first.read(w)), ...(await first.read(b))];
  const second = await openDevice();
  const predict = await second.compile(({ x }) => ({ y: y(x!) }), { x: [4] });
  predict.run({ x });
  await predict.read();
  assert.equal([...(await second.read(w)), ...(await second.read(b))], held);
  const again = await second.compile(stepOf(adam), shapes, { mode: "train" });
  first.dispose();
  for (let i = 0; i < 2; i++) again.run({ x, t });
  assert.equal([...(await second.read(w)), ...(await second.read(b))], await trained(await device(), 4));
  second.dispose();
});

test("values that went with their device are missed, until others are given", async () => {
  const { w, b, y, stepOf } = line();
  const first = await openDevice();
  const step = await first.compile(stepOf(new Adam([w, b], { rate: 0.1 })), shapes, { mode: "train" });
  step.run({ x, t });
  const held = [await first.read(w), await first.read(b)];
  first.dispose();
  const second = await openDevice();
  const compiled = () => second.compile(({ x }) => ({ y: y(x!) }), { x: [4] });
  for (const use of [compiled, () => second.read(w)]) {
    try {
      await use();
      assert.unreachable("values that are gone were replaced by the initial ones");
    } catch (error) {
      assert.instance(error, ValuesLostError);
      assert.match((error as Error).message, /^the values of w were changed on a device that is gone; /);
    }
  }
  second.write(w, held[0]!);
  second.write(b, held[1]!);
  using predict = await compiled();
  predict.run({ x });
  await predict.read();
  assert.equal([await second.read(w), await second.read(b)], held);
  second.dispose();
  w.setInitial(new Float32Array([7]));
  b.setInitial(new Float32Array([8]));
  const third = await openDevice();
  assert.equal([await third.read(w), await third.read(b)], [new Float32Array([7]), new Float32Array([8])]);
  third.dispose();
});

test("values that no device changed outlive every device", async () => {
  const { w, y } = line();
  for (let i = 0; i < 2; i++) {
    const d = await openDevice();
    const predict = await d.compile(({ x }) => ({ y: y(x!) }), { x: [4] });
    predict.run({ x });
    assert.equal(Array.from((await predict.read()).y), [1.5, 2.5, 3.5, 4.5]);
    assert.equal(Array.from(await d.read(w)), [1]);
    d.dispose();
  }
});

test("a tensor that was made before its variable moved is still that variable's value", async () => {
  const d = await device();
  const { w, b, stepOf } = line();
  const doubled = mul(w.value, 2);
  assert.equal(Array.from(await d.evaluate(doubled)), [2]);
  using step = await d.compile(stepOf(new Adam([w, b], { rate: 0.1 })), shapes, { mode: "train" });
  step.run({ x, t });
  const [now] = await d.read(w);
  assert.equal(Array.from(await d.evaluate(doubled)), [2 * now!]);
});

test("large matrices move too, and a program that reads but one of them goes on", async () => {
  const d = await device();
  const m = new Variable(
    [40, 40],
    Float32Array.from({ length: 1600 }, (_, i) => (i % 41 === 0 ? 1 : 0)),
    { name: "m" },
  );
  const other = new Variable([3], [1, 2, 3], { name: "other" });
  using product = await d.compile(({ v }) => ({ y: matmul(v!, m.value) }), { v: [1, 40] });
  const v = Float32Array.from({ length: 40 }, (_, i) => i);
  product.run({ v });
  assert.equal((await product.read()).y, v);
  const adam = new Adam([other, m], { rate: 0 });
  using step = await d.compile(
    () => {
      adam.minimize(add(sum(m.value), sum(other.value)));
      return {};
    },
    {},
    { mode: "train" },
  );
  step.run();
  product.run({ v });
  assert.equal((await product.read()).y, v);
});

test("a large output that is a variable is read where the variable is by now", async () => {
  const d = await device();
  const w = new Variable([2000], new Float32Array(2000).fill(3), { name: "w" });
  using show = await d.compile(() => ({ w: w.value }));
  show.run();
  using _step = await d.compile(() => {
    new Adam([w], { rate: 0 }).minimize(sum(w.value));
    return {};
  });
  assert.equal([...(await show.read()).w.slice(0, 3)], [3, 3, 3]);
});

test("what starts as another variable starts with its values of then, through chains and optimizers too", async () => {
  const d = await device();
  const first = new Variable([2], [1, 2], { name: "first" });
  await d.evaluate(first.value);
  d.write(first, [5, 6]);
  const second = new Variable([2], first, { name: "second" });
  const third = new Variable([2], second, { name: "third" });
  assert.equal([...(await d.evaluate(third.value))], [5, 6]);
  const adopted = new Variable([2], first, { name: "adopted" });
  using _step = await d.compile(() => {
    new Adam([adopted], { rate: 0 }).minimize(sum(adopted.value));
    return {};
  });
  assert.equal([...(await d.read(adopted))], [5, 6]);
  const given = new Variable([2], first, { name: "given" });
  given.setInitial(Float32Array.of(8, 9));
  assert.equal([...(await d.evaluate(given.value))], [8, 9], "what is set later counts");
});

test("a write while values are on their way from another device is not lost", async () => {
  const d = await device();
  const w = new Variable([2], [1, 2], { name: "w" });
  await d.evaluate(w.value);
  d.write(w, [3, 4]);
  const other = await openDevice();
  const compiling = other.compile(() => ({ y: mul(w.value, 1) }));
  await Promise.resolve();
  other.write(w, [7, 8]);
  using program = await compiling;
  program.run();
  assert.equal([...(await program.read()).y], [7, 8]);
  other.dispose();
});

test("a variable may start as another one of its own optimizer, or two optimizers' as each other's", async () => {
  const made = (): readonly Variable[] => {
    const a = new Variable([4], [1, 2, 3, 4], { name: "a" });
    return [a, new Variable([4], a, { name: "b" })];
  };
  const d = await openDevice();
  const [a, b] = made() as [Variable, Variable];
  new Adam([b, a], { rate: 0.1 });
  assert.equal([...(await d.read(b))], [1, 2, 3, 4]);
  const [c, e] = made() as [Variable, Variable];
  new Adam([c, e], { rate: 0.1 });
  d.write(c, [5, 6, 7, 8]);
  assert.equal([...(await d.read(e))], [5, 6, 7, 8]);
  const [[first, fromFirst], [second, fromSecond]] = [made(), made()] as [[Variable, Variable], [Variable, Variable]];
  new Adam([first, fromSecond], { rate: 0.1 });
  new Adam([second, fromFirst], { rate: 0.1 });
  const other = await openDevice();
  other.write(first, [9, 9, 9, 9]);
  await other.read(first);
  assert.equal([...(await d.read(fromFirst))], [9, 9, 9, 9]);
  assert.equal([...(await d.read(fromSecond))], [1, 2, 3, 4]);
  d.dispose();
  other.dispose();
});

test("an initial value that throws leaves no memory behind", async () => {
  const d = await device();
  const good = new Variable([4], [1, 2, 3, 4]);
  const bad = new Variable([2], () => {
    throw new Error("no values");
  });
  await d.evaluate(good.value);
  const before = d.counters.buffers;
  for (let i = 0; i < 2; i++) {
    const error = await d.evaluate(add(mul(good.value, 1), sum(bad.value))).then(
      () => undefined,
      (e: unknown) => e,
    );
    assert.match(String(error), /no values/);
  }
  assert.is(d.counters.buffers, before);
});

test.run();
