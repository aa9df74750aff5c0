import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expand } from "../../engine/ops/broadcast.ts";
import { add, div, exp, mul, square, sub, where, greater } from "../../engine/ops/elementwise.ts";
import { relu, tanh } from "../../engine/ops/activation.ts";
import { concat, flip, reshape, slice, transpose } from "../../engine/ops/movement.ts";
import { max, mean, moments, sum, prod } from "../../engine/ops/reduce.ts";
import { conv2d } from "../../engine/ops/conv.ts";
import { instanceNorm } from "../../engine/ops/norm.ts";
import { grad } from "../../engine/grad.ts";
import { iota, full } from "../../engine/constant.ts";
import { Variable } from "../../engine/variable.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";

const test = suite("compile");
const close = (got: ArrayLike<number>, want: ArrayLike<number>, tol = 2e-6): void =>
  assert.ok(
    worst(got, want) <= tol,
    `off by ${worst(got, want)}: ${Array.from(got).slice(0, 8)} for ${Array.from(want).slice(0, 8)}`,
  );

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

// biome-ignore format: one case a row
const reductions: [shape: number[], axes: number[]][] = [
  [[7, 9], [1]],
  [[7, 9], [0]],
  [[2, 5, 6, 8], [1, 2]],
  [[2, 5, 6, 3], [1, 2]],
  [[2, 5, 6, 8], [0, 1, 2]],
  [[2, 5, 6, 8], [0, 1, 2, 3]],
  [[300, 4], [0]],
  [[4, 5000], [1]],
  [[3, 4, 5, 6], [0, 2]],
  [[1, 1], [0]],
  [[20000], [0]],
];
for (const [shape, axes] of reductions) {
  test(`reductions of ${shape} over ${axes}`, async () => {
    const d = await device();
    const n = shape.reduce((a, b) => a * b, 1);
    const x = noise(n, 5).map((v) => v + 0.5);
    const outShape = shape.map((s, k) => (axes.includes(k) ? 1 : s));
    const groups = new Map<number, number[]>();
    for (let i = 0; i < n; i++) {
      let rest = i;
      let o = 0;
      let s = 1;
      for (let k = shape.length - 1; k >= 0; k--) {
        const c = rest % shape[k]!;
        rest = Math.floor(rest / shape[k]!);
        if (!axes.includes(k)) {
          o += c * s;
          s *= shape[k]!;
        }
      }
      groups.set(o, [...(groups.get(o) ?? []), x[i]!]);
    }
    const per = (f: (v: number[]) => number): number[] =>
      [...groups.keys()].sort((a, b) => a - b).map((o) => f(groups.get(o)!));
    const t = tensor(x, shape);
    const m = moments(t, axes);
    const got = await d.evaluate({
      sum: sum(square(t), axes),
      mean: mean(t, axes),
      max: max(t, axes),
      mu: m.mean,
      variance: m.variance,
      scaled: mul(
        sum(t, axes, { keepDims: true }),
        tensor(
          noise(
            outShape.reduce((a, b) => a * b, 1),
            9,
          ),
          outShape,
        ),
      ),
    });
    const average = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length;
    close(
      got.sum,
      per((v) => v.reduce((a, b) => a + b * b, 0)),
      3e-6,
    );
    close(got.mean, per(average), 3e-6);
    close(
      got.max,
      per((v) => v.reduce((a, b) => Math.max(a, b))),
      0,
    );
    close(got.mu, per(average), 3e-6);
    close(
      got.variance,
      per((v) => {
        const a = average(v);
        return average(v.map((e) => (e - a) ** 2));
      }),
      1e-5,
    );
    const w = noise(
      outShape.reduce((a, b) => a * b, 1),
      9,
    );
    close(
      got.scaled,
      per((v) => v.reduce((a, b) => a + b, 0)).map((v, i) => v * w[i]!),
      1e-5,
    );
  });
}

test("rows longer than a workgroup takes, with an epilogue", async () => {
  const d = await device();
  const x = noise(2 * 66000, 5);
  const w = noise(2, 9);
  const got = await d.evaluate(mul(sum(square(tensor(x, [2, 66000])), 1), tensor(w)));
  close(
    got,
    [0, 1].map((o) => w[o]! * x.slice(o * 66000, (o + 1) * 66000).reduce((a, v) => a + v * v, 0)),
    1e-5,
  );
});

test("an empty sum is 0, an empty product 1", async () => {
  const d = await device();
  const got = await d.evaluate({ s: sum(full([0, 3], 1), 0), p: prod(tensor([], [3, 0]), 1) });
  assert.equal([...got.s], [0, 0, 0]);
  assert.equal([...got.p], [1, 1, 1]);
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

test("gradients agree with finite differences through a norm, a product and a sum", async () => {
  const d = await device();
  const x = noise(2 * 4 * 3 * 4, 7);
  const w = noise(4, 8);
  const f = (t: ReturnType<typeof tensor>, u: ReturnType<typeof tensor>) => sum(square(tanh(mul(instanceNorm(t), u))));
  const tx = tensor(x, [2, 4, 3, 4]);
  const tw = tensor(w);
  const [gx, gw] = grad(f(tx, tw), [tx, tw]);
  const got = await d.evaluate({ gx, gw });
  const loss = (x: Float32Array, w: Float32Array): number => {
    let total = 0;
    for (let n = 0; n < 2; n++)
      for (let c = 0; c < 4; c++) {
        const v = Array.from({ length: 12 }, (_, i) => x[(n * 12 + i) * 4 + c]!);
        const m = v.reduce((a, b) => a + b) / 12;
        const s = v.reduce((a, b) => a + (b - m) ** 2, 0) / 12;
        for (const e of v) total += Math.tanh(((e - m) / Math.sqrt(s + 1e-5)) * w[c]!) ** 2;
      }
    return total;
  };
  const nudge = (a: Float32Array, i: number, by: number): Float32Array =>
    Float32Array.from(a, (v, k) => (k === i ? v + by : v));
  const h = 1 / 256;
  close(
    got.gx,
    Float32Array.from(x, (_, i) => (loss(nudge(x, i, h), w) - loss(nudge(x, i, -h), w)) / (2 * h)),
    1e-3,
  );
  close(
    got.gw,
    Float32Array.from(w, (_, i) => (loss(x, nudge(w, i, h)) - loss(x, nudge(w, i, -h))) / (2 * h)),
    1e-3,
  );
});

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

// biome-ignore format: one case a row
const norms: [shape: number[], axes: number[]][] = [
  [[2, 8, 8, 16], [0, 1, 2]],
  [[2, 5, 7, 8], [1, 2]],
  [[3, 9, 9, 3], [1, 2]],
  [[2, 24, 24, 64], [0, 1, 2]],
  [[200, 5], [0]],
];
for (const [shape, axes] of norms) {
  test(`a norm of ${shape} over ${axes} and its gradient, statistics and all, in one dispatch each`, async () => {
    const d = await device();
    const n = shape.reduce((a, b) => a * b, 1);
    const x = noise(n, 3);
    const c = shape.at(-1)!;
    const count = axes.reduce((m, k) => m * shape[k]!, 1);
    const t = tensor(x, shape);
    const { mean: mu, variance } = moments(t, axes);
    const got = await d.evaluate({ y: relu(div(sub(t, mu), add(variance, 1))), mu, variance });
    // Which group an element belongs to: its sample, where that is kept, and its channel.
    const group = (i: number): number => (axes.includes(0) ? 0 : Math.floor(i / (n / shape[0]!))) * c + (i % c);
    const groups = n / count;
    const sums = new Float64Array(groups);
    const squares = new Float64Array(groups);
    x.forEach((v, i) => (sums[group(i)]! += v / count));
    x.forEach((v, i) => (squares[group(i)]! += (v - sums[group(i)]!) ** 2 / count));
    close(got.mu, sums, 1e-5);
    close(got.variance, squares, 1e-5);
    close(
      got.y,
      Array.from(x, (v, i) => Math.max(0, (v - sums[group(i)]!) / (squares[group(i)]! + 1))),
      1e-5,
    );
  });
}

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
  assert.equal({ ...d.counters, submits: 0 }, { ...before, submits: 0 });
  assert.is(d.counters.submits - before.submits, 20);
});

test.run();
