// What the compiler computes in one stage: elementwise chains, broadcasts and constants, the views that they read
// through, where a long chain splits, and joins that are written in place.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { add, div, exp, mul, square, sub, where, greater } from "../../engine/ops/elementwise.ts";
import { relu, tanh } from "../../engine/ops/activation.ts";
import { concat, flip, reshape, slice, transpose } from "../../engine/ops/movement.ts";
import { sum } from "../../engine/ops/reduce.ts";
import { conv2d } from "../../engine/ops/conv.ts";
import { iota } from "../../engine/constant.ts";
import { device, noise, tensor } from "../helpers/device.ts";
import { close } from "../helpers/close.ts";

const test = suite("stages");

test("an elementwise chain is one dispatch", async () => {
  const d = await device();
  const x = noise(1000);
  const y = noise(1000, 2);
  using p = await d.compile(({ x, y }) => ({ z: relu(add(mul(x, y), 0.3)) }), { x: [10, 100], y: [10, 100] });
  p.run({ x, y });
  close(
    (await p.read()).z,
    x.map((v, i) => Math.max(0, v * y[i]! + 0.3)),
  );
  assert.is(p.stats().dispatches, 2); // the map and the status word
});

// biome-ignore format: one case a row
const broadcasts: [shape: number[], other: number[]][] = [
  [[3, 5], [5]],
  [[2, 3, 4], [3, 1]],
  [[4, 8], [4, 1]],
  [[2, 1, 3, 8], [2, 5, 1, 8]],
  [[7], [1]],
];
for (const [shape, other] of broadcasts) {
  test(`broadcasting ${shape} with ${other}`, async () => {
    const d = await device();
    const n = (s: number[]) => s.reduce((a, b) => a * b, 1);
    const a = noise(n(shape));
    const b = noise(n(other), 3);
    const z = add(tensor(a, shape), tensor(b, other));
    const want = new Float32Array(z.size);
    const rank = z.rank;
    for (let i = 0; i < z.size; i++) {
      let rest = i;
      let ia = 0;
      let ib = 0;
      let sa = 1;
      let sb = 1;
      for (let k = rank - 1; k >= 0; k--) {
        const c = rest % z.shape[k]!;
        rest = Math.floor(rest / z.shape[k]!);
        const na = shape[k - rank + shape.length] ?? 1;
        const nb = other[k - rank + other.length] ?? 1;
        if (na > 1) ia += c * sa;
        if (nb > 1) ib += c * sb;
        sa *= na;
        sb *= nb;
      }
      want[i] = a[ia]! + b[ib]!;
    }
    close(await d.evaluate(z), want);
  });
}

test("views compose: transpose of a flipped slice, reshaped", async () => {
  const d = await device();
  const x = noise(4 * 6 * 5);
  const y = reshape(
    transpose(
      flip(
        slice(tensor(x, [4, 6, 5]), [
          [1, 4],
          [0, 6, 2],
        ]),
        2,
      ),
      [2, 0, 1],
    ),
    [5, 9],
  );
  const want: number[] = [];
  for (let c = 0; c < 5; c++)
    for (let a = 0; a < 3; a++) for (let b = 0; b < 3; b++) want.push(x[((a + 1) * 6 + 2 * b) * 5 + (4 - c)]!);
  close(await d.evaluate(y), want, 0);
});

test("concat joins along any axis", async () => {
  const d = await device();
  const a = noise(2 * 3 * 4);
  const b = noise(2 * 5 * 4, 2);
  const y = await d.evaluate(concat([tensor(a, [2, 3, 4]), tanh(tensor(b, [2, 5, 4]))], 1));
  const want: number[] = [];
  for (let n = 0; n < 2; n++) {
    for (let i = 0; i < 12; i++) want.push(a[n * 12 + i]!);
    for (let i = 0; i < 20; i++) want.push(Math.tanh(b[n * 20 + i]!));
  }
  close(y, want);
});

test("iota counts in row-major order, scalar and by fours", async () => {
  const d = await device();
  const got = await d.evaluate({ a: iota([3, 5]), b: add(iota([4, 8]), iota([4, 8])), t: transpose(iota([4, 8])) });
  assert.equal(
    [...got.a],
    Array.from({ length: 15 }, (_, i) => i),
  );
  assert.equal(
    [...got.b],
    Array.from({ length: 32 }, (_, i) => 2 * i),
  );
  assert.equal(
    [...got.t],
    Array.from({ length: 32 }, (_, i) => (i % 4) * 8 + Math.floor(i / 4)),
  );
});

test("bool tensors are stored and read", async () => {
  const d = await device();
  const x = noise(64);
  const mask = greater(tensor(x), 0);
  const got = await d.evaluate({ mask, y: where(mask, tensor(x), -1) });
  assert.equal(
    [...got.mask],
    [...x].map((v) => (v > 0 ? 1 : 0)),
  );
  close(
    got.y,
    x.map((v) => (v > 0 ? v : -1)),
  );
});

test("a chain of many leaves splits at the binding limit", async () => {
  const d = await device();
  const xs = Array.from({ length: 20 }, (_, i) => noise(40, i + 1));
  const y = xs.map((x) => tensor(x)).reduce((a, b) => add(mul(a, 0.5), b));
  close(
    await d.evaluate(y),
    xs.reduce((a, b) => a.map((v, i) => v * 0.5 + b[i]!)),
    1e-5,
  );
});

test("a large chain of reused values keeps its size", async () => {
  const d = await device();
  let t = tensor(noise(64));
  let want = Array.from(noise(64));
  for (let i = 0; i < 30; i++) {
    t = sub(mul(t, t), div(t, 3));
    want = want.map((v) => v * v - v / 3);
  }
  close(await d.evaluate(exp(t)), want.map(Math.exp), 1e-5);
});

test("dense joins are written once, in place: layer after layer reads a view of the last join", async () => {
  const d = await device();
  const data = noise(2 * 6 * 6 * 4, 3);
  const w = [0, 1, 2, 3].map((i) => noise(9 * (4 + 4 * i) * 4, 11 + i, 0.2));
  const dense = ({ x }: { x: ReturnType<typeof tensor> }) => {
    let all = x;
    for (let i = 0; i < 4; i++)
      all = concat([all, conv2d(tanh(all), tensor(w[i]!, [3, 3, 4 + 4 * i, 4]), { pad: 1 })], 3);
    return { y: sum(square(all), [1, 2]) };
  };
  using p = await d.compile(dense, { x: [2, 6, 6, 4] });
  p.run({ x: data });
  const got = (await p.read()).y;
  // The same in f64 from what each layer gives by itself.
  const parts: Float32Array[] = [data];
  for (let i = 0; i < 4; i++) {
    const all = concat(
      parts.map((v) => tensor(v, [2, 6, 6, 4])),
      3,
    );
    parts.push(
      (await d.evaluate(
        conv2d(tanh(i ? all : tensor(data, [2, 6, 6, 4])), tensor(w[i]!, [3, 3, 4 + 4 * i, 4]), { pad: 1 }),
      )) as Float32Array,
    );
  }
  const want = Array.from({ length: 2 * 20 }, (_, o) => {
    let s = 0;
    for (let q = 0; q < 36; q++) s += parts[(o % 20) >> 2]![((o >= 20 ? 36 : 0) + q) * 4 + (o % 4)]! ** 2;
    return s;
  });
  close(got, want, 1e-5);
  const copies = p.explain().dispatches.filter((e) => e.kernel === "map" && e.fused.length === 0).length;
  assert.ok(copies <= 5, `${copies} copies for 4 joins of 5 parts`);
});

test.run();
