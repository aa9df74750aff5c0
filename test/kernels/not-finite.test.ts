// NaN and infinities in each input of each op with kernels of its own, forward and through the gradients: they reach
// every element that depends on them, by every family of kernels that this adapter can run.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { grad } from "../../engine/grad.ts";
import { convTranspose2d, conv2d } from "../../engine/ops/conv.ts";
import { contextualMatch } from "../../engine/ops/contextual-match.ts";
import { gather, take } from "../../engine/ops/gather.ts";
import { gridSample } from "../../engine/ops/grid-sample.ts";
import { matmul } from "../../engine/ops/matmul.ts";
import { batchNorm, instanceNorm, layerNorm } from "../../engine/ops/norm.ts";
import { pad } from "../../engine/ops/pad.ts";
import { adaptiveAvgPool2d, avgPool2d } from "../../engine/ops/avg-pool.ts";
import { maxPool2d } from "../../engine/ops/max-pool.ts";
import { input } from "../../engine/constant.ts";
import { max, mean, min, moments, prod, sum, variance } from "../../engine/ops/reduce.ts";
import { resize } from "../../engine/ops/resize.ts";
import { cumSum } from "../../engine/ops/scan.ts";
import { logSumExp, softmax } from "../../engine/ops/softmax.ts";
import { adamStep } from "../../engine/ops/adam.ts";
import { copy } from "../../engine/ops/elementwise.ts";
import { Variable } from "../../engine/variable.ts";
import { Device } from "../../engine/run/device.ts";
import { type Shape, sizeOf } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise, tensor } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("NaN and infinities through kernels");

interface Case {
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly y: (inputs: Readonly<Record<string, Tensor>>) => Tensor;
  /** Gradients are taken too. */
  readonly gradients?: boolean;
  /** An infinity need not stay one: a comparison, a bounded function or a minimum may end it. */
  readonly bounded?: boolean;
  /** Pairs "input → result" of which the input only chooses where a value comes from. */
  readonly chooses?: readonly string[];
}

const conv = (x: Shape, w: Shape, options: Parameters<typeof conv2d>[2] = {}): Case => ({
  inputs: { x, w },
  y: (t) => conv2d(t.x!, t.w!, options),
  gradients: true,
});
const ofImage = (shape: Shape, f: (x: Tensor) => Tensor, rest: Partial<Case> = {}): Case => ({
  inputs: { x: shape },
  y: (t) => f(t.x!),
  gradients: true,
  ...rest,
});
const rows = tensor([2, 0, 1, 2], [4], "i32");
const along = tensor([1, 0, 2, 1, 1, 0], [2, 3], "i32");

const cases: Readonly<Record<string, Case>> = {
  "conv 3×3": conv([1, 6, 7, 8], [3, 3, 8, 8], { pad: 1 }),
  "conv 3×3 reflect": conv([1, 6, 7, 4], [3, 3, 4, 8], { pad: 1, padMode: "reflect" }),
  "conv 4×4 /2": conv([1, 6, 8, 4], [4, 4, 4, 8], { pad: 1, stride: 2 }),
  "conv 3×3, 3 to 5 channels": conv([1, 5, 6, 3], [3, 3, 3, 5], { pad: 1 }),
  "conv 7×7, 1 to 8 channels": conv([1, 8, 9, 1], [7, 7, 1, 8], { pad: 3 }),
  "conv 7×7, 8 channels to 1": conv([1, 8, 9, 8], [7, 7, 8, 1], { pad: 3 }),
  "conv 1×1": conv([1, 5, 6, 8], [1, 1, 8, 4]),
  "conv, 64 to 48 channels": conv([1, 6, 7, 64], [3, 3, 64, 48], { pad: 1 }),
  "transposed conv /2": {
    inputs: { x: [1, 4, 4, 8], w: [3, 3, 4, 8] },
    y: (t) => convTranspose2d(t.x!, t.w!, { stride: 2, pad: 1 }),
    gradients: true,
  },
  matmul: { inputs: { a: [2, 20, 24], b: [2, 24, 16] }, y: (t) => matmul(t.a!, t.b!), gradients: true },
  "matmul, odd": { inputs: { a: [5, 7], b: [7, 3] }, y: (t) => matmul(t.a!, t.b!), gradients: true },
  "average pool": ofImage([1, 7, 7, 4], (x) => avgPool2d(x, { kernel: 3, stride: 2, pad: 1 })),
  "adaptive average pool": ofImage([1, 7, 5, 3], (x) => adaptiveAvgPool2d(x, [3, 2])),
  "max pool": ofImage([1, 7, 7, 4], (x) => maxPool2d(x, { kernel: 2, stride: 2 }), {
    bounded: true,
    chooses: ["x → dx"],
  }),
  "max pool with overlaps": ofImage([1, 7, 7, 3], (x) => maxPool2d(x, { kernel: 3, stride: 2, pad: 1 }), {
    bounded: true,
    chooses: ["x → dx"],
  }),
  "bilinear resize": ofImage([1, 4, 5, 4], (x) => resize(x, [7, 9], { mode: "bilinear" })),
  "bilinear resize, corners": ofImage([1, 6, 5, 3], (x) => resize(x, [4, 9], { mode: "bilinear", alignCorners: true })),
  "nearest resize": ofImage([1, 4, 5, 4], (x) => resize(x, [8, 7], { mode: "nearest" })),
  "reflecting pad": ofImage([1, 5, 6, 4], (x) =>
    pad(
      x,
      [
        [0, 0],
        [2, 1],
        [1, 3],
        [0, 0],
      ],
      { mode: "reflect" },
    ),
  ),
  "instance norm": ofImage([2, 9, 10, 4], (x) => instanceNorm(x)),
  "instance norm of a long column": ofImage([1, 96, 97, 4], (x) => instanceNorm(x), { gradients: false }),
  "batch norm": ofImage([2, 5, 5, 3], (x) => batchNorm(x).y),
  "layer norm": ofImage([3, 5, 8], (x) => layerNorm(x, 1)),
  sum: ofImage([6, 50], (x) => sum(x, 1)),
  "sum of columns": ofImage([50, 6], (x) => sum(x, 0)),
  mean: ofImage([6, 50], (x) => mean(x, 1)),
  "variance of rows": ofImage([3, 50], (x) => variance(x, 1)),
  "variance of columns": ofImage([50, 8], (x) => variance(x, 0)),
  "variance of all": ofImage([300, 9], (x) => variance(x, [0, 1])),
  "variance, by moments": ofImage([2, 40, 4], (x) => moments(x, [1]).variance),
  "mean, by moments": ofImage([2, 40, 4], (x) => moments(x, [1]).mean),
  max: ofImage([6, 50], (x) => max(x, 1), { bounded: true, chooses: ["x → dx"] }),
  min: ofImage([50, 8], (x) => min(x, 0), { bounded: true, chooses: ["x → dx"] }),
  prod: ofImage([6, 5], (x) => prod(x, 1)),
  cumSum: ofImage([3, 70], (x) => cumSum(x, 1)),
  softmax: ofImage([4, 9], (x) => softmax(x), { bounded: true }),
  logSumExp: ofImage([4, 9], (x) => logSumExp(x), { bounded: true }),
  take: ofImage([3, 5], (x) => take(x, rows)),
  gather: ofImage([3, 3], (x) => gather(x, along, 0)),
  "grid sample": {
    inputs: { x: [1, 5, 6, 4], grid: [1, 4, 4, 2] },
    y: (t) => gridSample(t.x!, t.grid!),
    gradients: true,
    bounded: true,
    chooses: ["grid → y", "grid → dx", "grid → dgrid", "x → dgrid"],
  },
  contextual: {
    inputs: { x: [1, 12, 8], y: [1, 9, 8] },
    y: (t) => contextualMatch(t.x!, t.y!),
    gradients: true,
    bounded: true,
  },
};

/** Kernels that an adapter like this has, and the cases that have such of their own. */
const variants: readonly { readonly name: string; readonly traits: Partial<Traits>; readonly of: RegExp }[] = [
  { name: "this adapter's kernels", traits: {}, of: /./ },
  {
    name: "a CPU's without subgroups",
    traits: { cpu: true, subgroups: false, winograd: false },
    of: /^(conv [34]×[34] ?(\/2|,)?|matmul$)/,
  },
  {
    name: "a GPU's",
    traits: { cpu: false, winograd: false },
    of: /^(conv, 64|matmul$|contextual|variance|instance norm)/,
  },
  { name: "Winograd's", traits: { winograd: true }, of: /^conv 3×3( reflect)?$/ },
];

const values = (feeds: Readonly<Record<string, Float32Array>>, name: string, at: number, value: number) => {
  const changed = feeds[name]!.slice();
  changed[at] = value;
  return { ...feeds, [name]: changed };
};

for (const { name: kernels, traits, of } of variants) {
  test(`NaN reaches all that depends on it, infinities stay seen: ${kernels}`, async () => {
    const { gpu } = await environment().gpu();
    using device = await Device.open(gpu, { traits: { ...environment().traits, ...traits } });
    const failures: string[] = [];
    for (const [what, { inputs, y, gradients, bounded, chooses = [] }] of Object.entries(cases)) {
      if (!of.test(what)) continue;
      const names = Object.keys(inputs);
      // The cotangent is an input too.
      const { shape } = y(Object.fromEntries(names.map((n) => [n, input(n, inputs[n]!)])));
      const all: Record<string, Shape> = gradients ? { ...inputs, dy: shape } : inputs;
      using program = await device.compile((t) => {
        const result = y(t);
        if (!gradients) return { y: result };
        const cotangent = (t as Record<string, Tensor>).dy!;
        const dxs = grad(
          result,
          names.map((n) => (t as Record<string, Tensor>)[n]!),
          cotangent,
        );
        return { y: result, ...Object.fromEntries(names.map((n, i) => [`d${n}`, dxs[i]!])) };
      }, all);
      const run = async (feeds: Readonly<Record<string, Float32Array>>): Promise<Record<string, ArrayLike<number>>> => {
        program.run(feeds);
        return program.read();
      };
      const feeds = Object.fromEntries(Object.keys(all).map((n, i) => [n, noise(sizeOf(all[n]!), i + 1, 0.7)]));
      const plain = await run(feeds);
      for (const name of Object.keys(all)) {
        const at = Math.floor(feeds[name]!.length * 0.62);
        const near = [await run(values(feeds, name, at, 3)), await run(values(feeds, name, at, -3))];
        const odd: Record<string, typeof plain> = { NaN: await run(values(feeds, name, at, NaN)) };
        if (!bounded) for (const v of [Infinity, -Infinity]) odd[v] = await run(values(feeds, name, at, v));
        for (const [result, clean] of Object.entries(plain)) {
          if (chooses.includes(`${name} → ${result}`)) continue;
          const depends = Array.from(clean, (v, i) => near.some((n) => n[result]![i] !== v));
          for (const [value, got] of Object.entries(odd)) {
            const seen = (v: number): boolean => (value === "NaN" ? Number.isNaN(v) : !Number.isFinite(v));
            const lost = depends.findIndex((d, i) => d && !seen(got[result]![i]!));
            if (lost >= 0)
              failures.push(`${what}: ${value} at ${name}[${at}], but ${result}[${lost}] is ${got[result]![lost]}`);
          }
        }
      }
    }
    assert.equal(failures, []);
  });
}

test("AMSGrad's largest second moment takes a NaN", async () => {
  const { gpu } = await environment().gpu();
  using device = await Device.open(gpu, { traits: environment().traits });
  const state = [1, 2, 3, 4].map((seed) => new Variable([4], noise(4, seed).map(Math.abs), { name: `state ${seed}` }));
  using program = await device.compile(
    ({ g }) => {
      const next = adamStep(
        g,
        tensor([0.1]),
        tensor([0.1, 0.1, 1, 1]),
        state.map((v) => v.value),
        {
          ...{ beta1: 0.9, beta2: 0.9, eps: 1e-8, decay: 0 },
        },
      );
      return Object.fromEntries(next.map((t, i) => [`${i}`, copy(t)]));
    },
    { g: [4] },
  );
  program.run({ g: [1, NaN, 1, 1] });
  for (const values of Object.values(await program.read()))
    assert.equal(Array.from(values, Number.isNaN), [false, true, false, false]);
});

test.run();
