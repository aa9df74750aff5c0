// What must hold of every gradient, tried on ops of random small shapes: it is linear in its cotangent and the adjoint
// of the derivative forward.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  add,
  avgPool2d,
  conv2d,
  cumSum,
  div,
  exp,
  grad,
  gridSample,
  input,
  layerNorm,
  logSoftmax,
  matmul,
  mul,
  pad,
  pixelShuffle,
  resize,
  sigmoid,
  softmax,
  square,
  take,
  tanh,
} from "../../engine/index.ts";
import { device, noise, tensor } from "../helpers/device.ts";
import { dot } from "../helpers/dot.ts";
import { always, pairs, shapesOfRank, sizeOf } from "../helpers/random-shapes.ts";

const test = suite("adjoints");

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
