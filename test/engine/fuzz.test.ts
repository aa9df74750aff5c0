// Random graphs of elementwise ops, views, reductions and joins, compiled as a whole, against the same graph walked
// in plain loops.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  add,
  batchNorm,
  concat,
  expand,
  flip,
  grad,
  max,
  mean,
  moments,
  mul,
  relu,
  reshape,
  slice,
  sub,
  sum,
  tanh,
  transpose,
} from "../../engine/index.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { dice } from "../helpers/dice.ts";

const test = suite("fuzz");

/** A tensor of the graph and its values in f64, row-major. */
interface Value {
  t: Tensor;
  v: number[];
  shape: number[];
}

const size = (s: readonly number[]): number => s.reduce((n, m) => n * m, 1);
const indexOf = (shape: readonly number[], c: readonly number[]): number => c.reduce((i, k, d) => i * shape[d]! + k, 0);
function* coordinates(shape: readonly number[]): Generator<number[]> {
  for (let i = 0; i < size(shape); i++) {
    const c = new Array<number>(shape.length);
    let rest = i;
    for (let d = shape.length - 1; d >= 0; d--) {
      c[d] = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    yield c;
  }
}
const gather = (x: Value, shape: number[], from: (c: number[]) => number[]): number[] =>
  [...coordinates(shape)].map((c) => x.v[indexOf(x.shape, from(c))]!);

type Grow = (pick: () => Value, roll: (n: number) => number) => Value | undefined;

const broadcastTo = (x: Value, shape: number[]): Value | undefined =>
  x.shape.length <= shape.length && x.shape.every((n, d) => n === 1 || n === shape[shape.length - x.shape.length + d])
    ? {
        t: expand(x.t, shape),
        shape,
        v: gather(x, shape, (c) => x.shape.map((n, d) => (n === 1 ? 0 : c[shape.length - x.shape.length + d]!))),
      }
    : undefined;

const binary =
  (op: (a: Tensor, b: Tensor) => Tensor, f: (a: number, b: number) => number): Grow =>
  (pick) => {
    const a = pick();
    const b = pick();
    const [p, q] = a.shape.length >= b.shape.length ? [a, broadcastTo(b, a.shape)] : [broadcastTo(a, b.shape), b];
    return p && q ? { t: op(a.t, b.t), shape: p.shape, v: p.v.map((x, i) => f(x, q.v[i]!)) } : undefined;
  };
const unary =
  (op: (x: Tensor) => Tensor, f: (x: number) => number): Grow =>
  (pick) => {
    const x = pick();
    return { t: op(x.t), shape: x.shape, v: x.v.map(f) };
  };
const over =
  (op: (x: Tensor, axes: number[], keepDims: boolean) => Tensor, f: (v: number[]) => number): Grow =>
  (pick, roll) => {
    const x = pick();
    if (x.shape.length === 0) return undefined;
    const axes = x.shape.map((_, d) => d).filter(() => roll(2) === 0);
    const keepDims = roll(2) === 0;
    const kept = x.shape.map((n, d) => (axes.includes(d) ? 1 : n));
    const groups = Array.from({ length: size(kept) }, () => [] as number[]);
    for (const c of coordinates(x.shape))
      groups[
        indexOf(
          kept,
          c.map((k, d) => (axes.includes(d) ? 0 : k)),
        )
      ]!.push(x.v[indexOf(x.shape, c)]!);
    return {
      t: op(x.t, axes, keepDims),
      shape: keepDims ? kept : x.shape.filter((_, d) => !axes.includes(d)),
      v: groups.map(f),
    };
  };

const ops: Grow[] = [
  binary(add, (a, b) => a + b),
  binary(sub, (a, b) => a - b),
  binary(mul, (a, b) => a * b),
  unary(relu, (x) => Math.max(0, x)),
  unary(tanh, Math.tanh),
  over(
    (x, axes, keepDims) => sum(x, axes, { keepDims }),
    (v) => v.reduce((a, b) => a + b, 0),
  ),
  over(
    (x, axes, keepDims) => mean(x, axes, { keepDims }),
    (v) => v.reduce((a, b) => a + b, 0) / v.length,
  ),
  over(
    (x, axes, keepDims) => max(x, axes, { keepDims }),
    (v) => Math.max(...v),
  ),
  (pick, roll) => {
    const x = pick();
    const axes = x.shape.map((_, d) => d).sort(() => roll(3) - 1);
    const shape = axes.map((d) => x.shape[d]!);
    return { t: transpose(x.t, axes), shape, v: gather(x, shape, (c) => x.shape.map((_, d) => c[axes.indexOf(d)]!)) };
  },
  (pick, roll) => {
    const x = pick();
    const shapes = [
      [size(x.shape)],
      [1, ...x.shape],
      [...x.shape, 1],
      ...(x.shape.length > 1 ? [[x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]] : []),
      ...(x.shape.at(-1)! % 2 === 0 ? [[...x.shape.slice(0, -1), x.shape.at(-1)! / 2, 2]] : []),
    ];
    const shape = shapes[roll(shapes.length)]!;
    return shape.length > 5 ? undefined : { t: reshape(x.t, shape), shape, v: x.v };
  },
  (pick, roll) => {
    const x = pick();
    if (x.shape.length === 0) return undefined;
    const d = roll(x.shape.length);
    if (roll(2))
      return {
        t: flip(x.t, d),
        shape: x.shape,
        v: gather(x, x.shape, (c) => c.map((k, e) => (e === d ? x.shape[d]! - 1 - k : k))),
      };
    const from = roll(x.shape[d]!);
    const shape = x.shape.map((n, e) => (e === d ? n - from : n));
    return {
      t: slice(
        x.t,
        x.shape.map((_, e) => (e === d ? [from, null] : null)),
      ),
      shape,
      v: gather(x, shape, (c) => c.map((k, e) => (e === d ? k + from : k))),
    };
  },
  (pick, roll) => {
    const a = pick();
    const b = pick();
    if (a.shape.length === 0 || a.shape.length !== b.shape.length) return undefined;
    const d = roll(a.shape.length);
    if (!a.shape.every((n, e) => e === d || n === b.shape[e]) || a.shape[d]! + b.shape[d]! > 24) return undefined;
    const shape = a.shape.map((n, e) => (e === d ? n + b.shape[d]! : n));
    return {
      t: concat([a.t, b.t], d),
      shape,
      v: [...coordinates(shape)].map((c) =>
        c[d]! < a.shape[d]!
          ? a.v[indexOf(a.shape, c)]!
          : b.v[
              indexOf(
                b.shape,
                c.map((k, e) => (e === d ? k - a.shape[d]! : k)),
              )
            ]!,
      ),
    };
  },
];

function build(seed: number): { values: Value[]; leaves: Value[] } {
  const roll = dice(seed);
  const shapes = [[2, 3, 4], [3, 4], [4], [2, 1, 8], [1], [5, 2]];
  const leaves = shapes.map((shape, i): Value => {
    const data = noise(size(shape), seed * 10 + i);
    return { t: tensor(data, shape), shape, v: Array.from(data) };
  });
  const values = [...leaves];
  while (values.length < 26) {
    const made = ops[roll(ops.length)]!(() => values[Math.max(0, values.length - 1 - roll(9))]!, roll);
    if (made && size(made.shape) <= 400) values.push(made);
  }
  return { values, leaves };
}

for (let seed = 1; seed <= 24; seed++) {
  test(`graph ${seed} computes what its ops say, and its gradient is the sum of its parts`, async () => {
    const d = await device();
    const { values, leaves } = build(seed);
    const outputs = values.slice(-6);
    const loss = outputs.map(({ t }, i) => mul(sum(tanh(t)), i + 1)).reduce((a, b) => add(a, b));
    const gradients = grad(
      loss,
      leaves.map((l) => l.t),
    );
    // The gradient again, one output at a time: other programs, other fusions, the same numbers.
    const apart = outputs.map(({ t }, i) =>
      grad(
        mul(sum(tanh(t)), i + 1),
        leaves.map((l) => l.t),
      ),
    );
    const got = await d.evaluate({
      ...Object.fromEntries(outputs.map(({ t }, i) => [`y${i}`, t])),
      ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])),
    } as Record<string, Tensor>);
    outputs.forEach(({ v }, i) =>
      assert.ok(worst(got[`y${i}`]!, v) < 1e-5, `output ${i}: off by ${worst(got[`y${i}`]!, v)}`),
    );
    const parts = await d.evaluate(
      Object.fromEntries(
        leaves.map((_, l) => [`g${l}`, apart.map((gs) => gs[l]!).reduce((a, b) => add(a, b))]),
      ) as Record<string, Tensor>,
    );
    leaves.forEach((_, l) =>
      assert.ok(
        worst(got[`g${l}`]!, parts[`g${l}`]!) < 1e-4,
        `gradient ${l}: off by ${worst(got[`g${l}`]!, parts[`g${l}`]!)}`,
      ),
    );
  });
}

test("a norm between views fuses without changing what it says", async () => {
  const d = await device();
  const x = noise(2 * 3 * 4 * 8, 5);
  const t = tensor(x, [2, 3, 4, 8]);
  const y = batchNorm(transpose(t, [0, 2, 1, 3])).y;
  const m = moments(transpose(t, [0, 2, 1, 3]), [0, 1, 2]);
  const want = mul(sub(transpose(t, [0, 2, 1, 3]), m.mean), add(m.variance, 0));
  const got = await d.evaluate({ y, want, variance: m.variance });
  for (let i = 0; i < got.y.length; i++) {
    const v = got.variance[i % 8]!;
    assert.ok(Math.abs(got.y[i]! - got.want[i]! / v / Math.sqrt(v + 1e-5)) < 1e-5);
  }
});

test.run();
