// What must hold for all shapes, tried on random small ones, sizes 0 and 1 among them. Data of small whole numbers
// make sums exact, so that shape algebra is compared without tolerance.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  add,
  argMax,
  avgPool2d,
  concat,
  conv2d,
  cumSum,
  div,
  exp,
  expand,
  flip,
  grad,
  gridSample,
  input,
  layerNorm,
  logSoftmax,
  matmul,
  mul,
  pad,
  pixelShuffle,
  place,
  reshape,
  resize,
  sigmoid,
  slice,
  softmax,
  split,
  square,
  stack,
  sum,
  sumTo,
  take,
  tanh,
  tile,
  transpose,
} from "../../engine/index.ts";
import { device, noise, tensor } from "../helpers/device.ts";

const test = suite("properties");

/** Runs a property on a fixed sequence of values. */
const always = <T>(values: fc.Arbitrary<T>, holds: (value: T) => Promise<void>, runs = 12): Promise<void> =>
  fc.assert(fc.asyncProperty(values, holds), { seed: 20240607, numRuns: runs });

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, m) => n * m, 1);
const stridesOf = (shape: readonly number[]): number[] => shape.map((_, d) => sizeOf(shape.slice(d + 1)));
/** Coordinates of each element, row-major. */
const coordinates = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>((list, n) => list.flatMap((c) => Array.from({ length: n }, (_, k) => [...c, k])), [[]]);
const indexOf = (shape: readonly number[], c: readonly number[]): number =>
  stridesOf(shape).reduce((i, s, d) => i + s * c[d]!, 0);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((s, v, i) => s + v * b[i]!, 0);

/** Whole numbers from −4 to 4. */
const wholes = (n: number, seed = 1): Float32Array => noise(n, seed).map((v) => Math.round(4 * v));
const given = (shape: readonly number[], seed = 1): { t: Tensor; data: Float32Array } => {
  const data = wholes(sizeOf(shape), seed);
  return { t: tensor(data, shape), data };
};
const values = async (t: Tensor): Promise<number[]> => Array.from(await (await device()).evaluate(t));

const dimension = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constant(1) },
  { weight: 8, arbitrary: fc.integer({ min: 2, max: 6 }) },
);
const shapes = fc.array(dimension, { maxLength: 4 });
const shapesOfRank = (min: number): fc.Arbitrary<number[]> => fc.array(dimension, { minLength: min, maxLength: 4 });
/** A permutation of the first n whole numbers, by sorting random keys. */
const permutation = (n: number): fc.Arbitrary<number[]> =>
  fc
    .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: n, maxLength: n })
    .map((keys) => keys.map((_, d) => d).sort((a, b) => keys[a]! - keys[b]! || a - b));

test("reshapes compose, and the last shape alone counts", () =>
  always(
    fc.tuple(fc.array(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(), fc.boolean()),
    async ([factors, i, j, empty]) => {
      const all = empty ? [...factors, 0] : factors;
      /** The factors in two groups. */
      const grouped = (at: number): number[] => [
        sizeOf(all.slice(0, at % (all.length + 1))),
        sizeOf(all.slice(at % (all.length + 1))),
      ];
      const { t, data } = given(all);
      const y = reshape(reshape(reshape(t, grouped(i)), [sizeOf(all)]), grouped(j));
      assert.equal(y.shape, grouped(j));
      assert.equal(await values(transpose(transpose(y))), Array.from(data));
    },
  ));

test("transposing by a permutation and by its inverse is nothing, and moves each element to its place", () =>
  always(
    shapes.chain((shape) => fc.tuple(fc.constant(shape), permutation(shape.length))),
    async ([shape, perm]) => {
      const { t, data } = given(shape);
      const y = transpose(t, perm);
      assert.equal(
        await values(y),
        coordinates(perm.map((d) => shape[d]!)).map(
          (c) =>
            data[
              indexOf(
                shape,
                shape.map((_, d) => c[perm.indexOf(d)]!),
              )
            ],
        ),
      );
      assert.equal(
        await values(
          transpose(
            y,
            perm.map((_, d) => perm.indexOf(d)),
          ),
        ),
        Array.from(data),
      );
    },
  ));

test("place is the adjoint of slice: ⟨slice x, u⟩ = ⟨x, place u⟩", () =>
  always(
    shapesOfRank(1).chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.array(
          fc.tuple(
            fc.integer({ min: -7, max: 7 }),
            fc.oneof(fc.constant(null), fc.integer({ min: -7, max: 7 })),
            fc.constantFrom(1, 2, 3, -1, -2),
          ),
          { minLength: shape.length, maxLength: shape.length },
        ),
      ),
    ),
    async ([shape, ranges]) => {
      const { t, data } = given(shape);
      const y = slice(t, ranges);
      // What Python's range(*slice(…).indices(n)) lists.
      const listed = shape.map((n, d) => {
        const [from, to, by] = ranges[d]!;
        const at = (k: number): number => Math.min(Math.max(k < 0 ? k + n : k, by > 0 ? 0 : -1), by > 0 ? n : n - 1);
        const end = to === null ? (by > 0 ? n : -1) : at(to);
        const list: number[] = [];
        for (let k = at(from); by > 0 ? k < end : k > end; k += by) list.push(k);
        return list;
      });
      assert.equal(
        y.shape,
        listed.map((l) => l.length),
      );
      const got = await values(y);
      assert.equal(
        got,
        coordinates(y.shape).map(
          (c) =>
            data[
              indexOf(
                shape,
                c.map((k, d) => listed[d]![k]!),
              )
            ],
        ),
      );
      const u = given(y.shape, 2);
      const back = await values(
        place(
          u.t,
          shape,
          listed.map((l) => l[0] ?? 0),
          ranges.map(([, , by]) => by),
        ),
      );
      assert.is(dot(got, u.data), dot(data, back));
      assert.equal(await values(grad(sum(mul(y, u.t)), [t])[0]), back);
    },
  ));

test("split undoes concat, and stack is concat along a new axis", () =>
  always(
    fc
      .tuple(shapesOfRank(1), fc.array(dimension, { minLength: 1, maxLength: 4 }), fc.nat())
      .map(([shape, sizes, a]) => ({ shape, sizes, axis: a % shape.length })),
    async ({ shape, sizes, axis }) => {
      const parts = sizes.map((n, i) =>
        given(
          shape.map((m, d) => (d === axis ? n : m)),
          i + 1,
        ),
      );
      const joined = concat(
        parts.map((p) => p.t),
        axis,
      );
      const back = split(joined, sizes, axis - shape.length);
      const got = await (await device()).evaluate<string>(
        Object.fromEntries([...back.map((t, i): [string, Tensor] => [`y${i}`, t]), ["joined", joined]]),
      );
      parts.forEach((p, i) => assert.equal(Array.from(got[`y${i}`]!), Array.from(p.data)));
      assert.equal(Array.from(got.joined!), await values(concat(back, axis)));
      const two = [given(shape, 8), given(shape, 9)];
      const stacked = stack(
        two.map((p) => p.t),
        axis,
      );
      assert.equal(await values(split(stacked, [1, 1], axis)[1]!), Array.from(two[1]!.data));
    },
  ));

test("flipping twice is nothing; tile lays copies side by side, and its gradient sums them", () =>
  always(
    shapes.chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.subarray(shape.map((_, d) => d)),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: shape.length, maxLength: shape.length }),
      ),
    ),
    async ([shape, axes, repeats]) => {
      const { t, data } = given(shape);
      const flipped = flip(t, axes);
      assert.equal(
        await values(flipped),
        coordinates(shape).map(
          (c) =>
            data[
              indexOf(
                shape,
                c.map((k, d) => (axes.includes(d) ? shape[d]! - 1 - k : k)),
              )
            ],
        ),
      );
      assert.equal(await values(flip(flipped, axes)), Array.from(data));
      const y = tile(t, repeats);
      const got = await values(y);
      assert.equal(
        got,
        coordinates(shape.map((n, d) => n * repeats[d]!)).map(
          (c) =>
            data[
              indexOf(
                shape,
                c.map((k, d) => k % shape[d]!),
              )
            ],
        ),
      );
      const u = given(y.shape, 2);
      assert.is(dot(got, u.data), dot(data, await values(grad(sum(mul(y, u.t)), [t])[0])));
    },
  ));

/** A shape, and one that broadcasts with it: sizes replaced by 1, leading ones left out. */
const pairs = shapes
  .chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.integer({ min: 0, max: shape.length }),
    ),
  )
  .map(([shape, ones, drop]) => ({ shape, small: shape.map((n, d) => (ones[d] ? 1 : n)).slice(drop) }));

test("broadcasting follows numpy's rule, and sumTo is the adjoint of expand", () =>
  always(pairs, async ({ shape, small }) => {
    const a = given(shape);
    const b = given(small, 2);
    const place = (c: readonly number[]): number =>
      indexOf(
        small,
        small.map((n, d) => (n === 1 ? 0 : c[shape.length - small.length + d]!)),
      );
    const want = coordinates(shape).map((c, i) => a.data[i]! + b.data[place(c)]!);
    assert.equal(add(b.t, a.t).shape, shape);
    assert.equal(await values(add(a.t, b.t)), want);
    assert.equal(await values(add(b.t, a.t)), want);
    const wide = await values(expand(b.t, shape));
    const summed = await values(sumTo(a.t, small));
    assert.is(dot(wide, a.data), dot(b.data, summed));
  }));

test("shapes that numpy refuses are refused, with the dimension and both sizes", () =>
  always(
    fc
      .tuple(
        shapes,
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 2, max: 9 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
      )
      .filter(([, m, n]) => m !== n),
    async ([lead, m, n, tail]) => {
      assert.throws(
        () => add(input("a", [...lead, m, ...tail]), input("b", [n, ...tail])),
        new RegExp(
          `add: shapes .* do not broadcast: dimension -${tail.length + 1} is ${m} against ${n}; ` +
            "they must be equal or 1",
        ),
      );
    },
    40,
  ));

test("take and cumSum agree with loops along any axis; the largest element stands where argMax says", () =>
  always(
    fc
      .tuple(shapesOfRank(1), fc.nat(), fc.array(fc.nat(), { maxLength: 4 }))
      .map(([shape, a, index]) => ({ shape, axis: a % shape.length, index })),
    async ({ shape, axis, index }) => {
      const n = shape[axis]!;
      const { t, data } = given(shape);
      const list = n === 0 ? [] : index.map((i) => i % n);
      const at = (c: readonly number[], k: number): number =>
        data[
          indexOf(
            shape,
            c.map((j, d) => (d === axis ? k : j)),
          )
        ]!;
      const y = take(t, tensor(list, [list.length], "i32"), axis);
      assert.equal(
        await values(y),
        coordinates(shape.map((m, d) => (d === axis ? list.length : m))).map((c) => at(c, list[c[axis]!]!)),
      );
      assert.equal(
        await values(cumSum(t, axis)),
        coordinates(shape).map((c) => Array.from({ length: c[axis]! + 1 }, (_, k) => at(c, k)).reduce((p, q) => p + q)),
      );
      if (n === 0) return;
      const kept = shape.map((m, d) => (d === axis ? 1 : m));
      assert.equal(
        await values(argMax(t, axis, { keepDims: true })),
        coordinates(kept).map((c) => {
          const line = Array.from({ length: n }, (_, k) => at(c, k));
          return line.indexOf(Math.max(...line));
        }),
      );
    },
  ));

interface Smooth {
  readonly name: string;
  readonly shapes: number[][];
  readonly f: (...xs: Tensor[]) => Tensor;
}
const small = fc.integer({ min: 1, max: 5 });
const image = fc
  .tuple(
    fc.integer({ min: 1, max: 2 }),
    fc.integer({ min: 3, max: 7 }),
    fc.integer({ min: 3, max: 7 }),
    fc.constantFrom(1, 3, 4),
  )
  .map((s) => [...s]);
/** Differentiable ops with shapes of their own. */
const smooth: fc.Arbitrary<Smooth> = fc.oneof(
  fc.tuple(small, small, small).map(
    ([m, k, n]): Smooth => ({
      name: "matmul",
      shapes: [
        [m, k],
        [k, n],
      ],
      f: (a, b) => matmul(a, b),
    }),
  ),
  shapesOfRank(1).map(
    (s): Smooth => ({ name: "tanh of a product", shapes: [s, s], f: (a, b) => tanh(mul(a, add(b, sigmoid(a)))) }),
  ),
  fc
    .tuple(small, small)
    .map((s): Smooth => ({ name: "softmax", shapes: [s], f: (x) => add(softmax(x), square(logSoftmax(x, 0))) })),
  fc
    .tuple(small, fc.integer({ min: 2, max: 6 }))
    .map((s): Smooth => ({ name: "layer norm", shapes: [s, [s[1]]], f: (x, weight) => layerNorm(x, 1, { weight }) })),
  pairs.map(
    ({ shape, small: other }): Smooth => ({
      name: "broadcast division",
      shapes: [shape, other],
      f: (a, b) => div(a, add(exp(b), 1)),
    }),
  ),
  image.map(
    (s): Smooth => ({
      name: "conv2d",
      shapes: [s, [3, 3, s[3]!, 4]],
      f: (x, w) => conv2d(x, w, { pad: 1, stride: 2 }),
    }),
  ),
  image.map(
    (s): Smooth => ({
      name: "pooling and resizing",
      shapes: [s],
      f: (x) => resize(avgPool2d(x, { kernel: 2, stride: 1 }), [5, 4], { mode: "bilinear" }),
    }),
  ),
  image.map(
    (s): Smooth => ({
      name: "padding and shuffling",
      shapes: [[...s.slice(0, 3), 8]],
      f: (x) =>
        pixelShuffle(
          pad(
            x,
            [
              [0, 0],
              [1, 2],
              [2, 0],
              [0, 0],
            ],
            { mode: "reflect" },
          ),
          2,
        ),
    }),
  ),
  image.map(
    (s): Smooth => ({
      name: "grid sample",
      shapes: [s],
      f: (x) => gridSample(x, tensor(noise(s[0]! * 24, 6, 1.2), [s[0]!, 3, 4, 2]), { padding: "border" }),
    }),
  ),
  fc.tuple(fc.integer({ min: 2, max: 6 }), small).map(
    ([n, m]): Smooth => ({
      name: "running sums of what is taken",
      shapes: [[n, m]],
      f: (x) => cumSum(take(square(x), tensor([0, n - 1, 1, 0], [4], "i32")), 0),
    }),
  ),
);

/** Largest difference between numbers that rounding alone should set apart. */
function near(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, what: string): void {
  const scale = Math.max(1, ...Array.from(want, Math.abs));
  const off = Math.max(0, ...Array.from(want, (w, i) => Math.abs(got[i]! - w)));
  assert.ok(got.length === want.length && off <= tolerance * scale, `${what}: off by ${off} at scale ${scale}`);
}

test("a vjp is linear in its cotangent", () =>
  always(
    smooth,
    async ({ name, shapes: sizes, f }) => {
      const xs = sizes.map((s, i) => tensor(noise(sizeOf(s), i + 3), s));
      const y = f(...xs);
      const u = tensor(noise(y.size, 21), y.shape);
      const v = tensor(noise(y.size, 22), y.shape);
      const both = grad(y, xs, add(mul(2, u), mul(-3, v)));
      const one = grad(y, xs, u);
      const other = grad(y, xs, v);
      const got = await (await device()).evaluate(
        Object.fromEntries(
          xs.flatMap((_, i) => [
            [`b${i}`, both[i]!],
            [`u${i}`, one[i]!],
            [`v${i}`, other[i]!],
          ]),
        ),
      );
      xs.forEach((_, i) =>
        near(
          got[`b${i}`]!,
          Array.from(got[`u${i}`]!, (a, k) => 2 * a - 3 * got[`v${i}`]![k]!),
          2e-5,
          name,
        ),
      );
    },
    18,
  ));

test("⟨J v, u⟩ = ⟨v, Jᵀ u⟩, with J v the gradient of Jᵀ u by u, which is the slope along v", () =>
  always(
    smooth,
    async ({ name, shapes: sizes, f }) => {
      const step = 1 / 64;
      const d = await device();
      const data = sizes.map((s, i) => noise(sizeOf(s), i + 3));
      const vs = sizes.map((s, i) => noise(sizeOf(s), i + 41));
      const shape = f(...sizes.map((s, i) => input(`x${i}`, s))).shape;
      const u = noise(sizeOf(shape), 31);
      using program = await d.compile(
        (t) => {
          const xs = sizes.map((_, i) => t[`x${i}`]!);
          const y = f(...xs);
          const back = grad(y, xs, t.u!);
          const pushed = back.map((g, i) => grad(g, [t.u!], tensor(vs[i]!, sizes[i]))[0]).reduce((a, b) => add(a, b));
          return { y, pushed, ...Object.fromEntries(back.map((g, i) => [`g${i}`, g])) };
        },
        Object.fromEntries([["u", shape], ...sizes.map((s, i) => [`x${i}`, s])]),
      );
      const at = async (e: number): Promise<Record<string, ArrayLike<number>>> => {
        program.run(
          Object.fromEntries([["u", u], ...data.map((x, i) => [`x${i}`, x.map((v, k) => v + e * vs[i]![k]!)])]),
        );
        return program.read();
      };
      const [here, ahead, behind, far, farBehind] = [
        await at(0),
        await at(step),
        await at(-step),
        await at(2 * step),
        await at(-2 * step),
      ];
      const pulled = sizes.reduce((s, _, i) => s + dot(vs[i]!, here[`g${i}`]!), 0);
      near([dot(here.pushed!, u)], [pulled], 1e-4, name);
      near(
        here.pushed!,
        Array.from(
          here.y!,
          (_, k) => (8 * (ahead.y![k]! - behind.y![k]!) - (far.y![k]! - farBehind.y![k]!)) / (12 * step),
        ),
        2e-3,
        `${name}: slope`,
      );
    },
    18,
  ));

test.run();
