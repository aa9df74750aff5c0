// What must hold of ops that move, join and broadcast elements for all shapes, tried on random small ones, sizes 0 and
// 1 among them, and on small whole numbers, whose sums are exact and need no tolerance.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  add,
  argMax,
  concat,
  cumSum,
  expand,
  flip,
  grad,
  input,
  mul,
  place,
  reshape,
  slice,
  split,
  stack,
  sum,
  sumTo,
  take,
  tile,
  transpose,
} from "../../engine/index.ts";
import { device, noise, tensor } from "../helpers/device.ts";
import { dot } from "../helpers/dot.ts";
import { always, dimension, pairs, shapes, shapesOfRank, sizeOf } from "../helpers/random-shapes.ts";

const test = suite("properties");

const stridesOf = (shape: readonly number[]): number[] => shape.map((_, d) => sizeOf(shape.slice(d + 1)));
/** Coordinates of each element, row-major. */
const coordinates = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>((list, n) => list.flatMap((c) => Array.from({ length: n }, (_, k) => [...c, k])), [[]]);
const indexOf = (shape: readonly number[], c: readonly number[]): number =>
  stridesOf(shape).reduce((i, s, d) => i + s * c[d]!, 0);

/** Whole numbers from −4 to 4. */
const wholes = (n: number, seed = 1): Float32Array => noise(n, seed).map((v) => Math.round(4 * v));
const given = (shape: readonly number[], seed = 1): { t: Tensor; data: Float32Array } => {
  const data = wholes(sizeOf(shape), seed);
  return { t: tensor(data, shape), data };
};
const values = async (t: Tensor): Promise<number[]> => Array.from(await (await device()).evaluate(t));

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

test.run();
