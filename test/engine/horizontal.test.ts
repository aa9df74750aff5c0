// Equal, independent work in one dispatch: with the same bits as in dispatches of its own, in fewer.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type CompileOptions,
  Device,
  type Program,
  type Tensor,
  type TypedArray,
  add,
  avgPool2d,
  batchNorm,
  bringHorizontalFusion,
  concat,
  conv2d,
  cumSum,
  div,
  grad,
  instanceNorm,
  matmul,
  maxPool2d,
  mean,
  mul,
  relu,
  reshape,
  resize,
  slice,
  square,
  sub,
  sum,
  tanh,
  Variable,
} from "../../engine/index.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { firstNotFiniteStage } from "../../lab/debug/not-finite.ts";
import { dice } from "../helpers/dice.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("horizontal fusion");
bringHorizontalFusion(); // as openNodeGpu does: a page may be without it

/** Kernels for a GPU, for a CPU adapter, and those that the adapter has anyway. */
const TRAITS: readonly Partial<Traits>[] = [
  {},
  { cpu: false },
  { cpu: false, winograd: true },
  { cpu: true, lanes: 8 },
];

const open = async (traits: Partial<Traits>): Promise<Device> => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  // What shares loads by eight lanes is for adapters that have them.
  const own = plain.gpu.traits;
  return Device.open(gpu, { traits: own.lanes === 8 || !traits.lanes ? traits : { ...traits, subgroups: false } });
};

type Build = () => (inputs: Record<string, Tensor>) => Record<string, Tensor>;

/** Outputs of three runs, and how many dispatches each took, with and without. */
async function both(build: Build, shapes: Record<string, readonly number[]>, traits: Partial<Traits> = {}) {
  const results: { values: TypedArray[]; dispatches: number; program: string }[] = [];
  for (const horizontal of [true, false]) {
    using d = await open(traits);
    using p = await d.compile(build(), shapes, { mode: "train", horizontal });
    results.push({
      values: await runs(p, shapes),
      dispatches: p.explain().dispatches.length,
      program: `${p.explain()}`,
    });
  }
  const [joined, plain] = results as [(typeof results)[0], (typeof results)[0]];
  joined.values.forEach((v, i) => assert.equal(bitsOf(v), bitsOf(plain.values[i]!), `output ${i}\n${joined.program}`));
  return { joined: joined.dispatches, plain: plain.dispatches, program: joined.program };
}

const bitsOf = (v: TypedArray): Uint8Array => new Uint8Array(v.buffer, v.byteOffset, v.byteLength);

async function runs(p: Program, shapes: Record<string, readonly number[]>): Promise<TypedArray[]> {
  const values: TypedArray[] = [];
  for (const run of [1, 2, 3]) {
    const feeds = Object.entries(shapes).map(([name, shape], i) => [
      name,
      noise(
        shape.reduce((n, s) => n * s, 1),
        10 * run + i,
      ),
    ]);
    p.run(Object.fromEntries(feeds));
    values.push(...Object.values(await p.read()));
  }
  return values;
}

/** Two networks of one shape, each of which sees both images, and an update of each. */
const pair: Build = () => {
  const weights = (seed: number): Variable[] => [
    new Variable([3, 3, 4, 8], noise(288, seed), { name: `w${seed}` }),
    new Variable([3, 3, 8, 8], noise(576, seed + 1), { name: `v${seed}` }),
    new Variable([8], noise(8, seed + 2), { name: `g${seed}` }),
  ];
  const [a, b] = [weights(1), weights(5)];
  const network = ([w, v, g]: Variable[], x: Tensor): Tensor => {
    const first = relu(instanceNorm(conv2d(x, w!.value, { pad: 1 })));
    const second = mul(batchNorm(conv2d(first, v!.value, { pad: 1, stride: 2 })).y, g!.value);
    return concat([maxPool2d(first, { kernel: 2, stride: 2 }), tanh(second)], -1);
  };
  return ({ x, y }) => {
    const outs = [network(a, x!), network(b, y!), network(a, y!), network(b, x!)];
    const losses = outs.map((o) => sum(square(o)));
    const loss = add(add(losses[0]!, losses[1]!), add(losses[2]!, losses[3]!));
    const all = [...a, ...b];
    const gradients = grad(
      loss,
      all.map((v) => v.value),
    );
    all.forEach((v, i) => {
      v.assign(sub(v.value, mul(1e-3, gradients[i]!)));
    });
    return { loss, first: outs[0]!, gradient: gradients[1]! };
  };
};

for (const traits of TRAITS)
  test(`two networks' steps take fewer dispatches and have the same bits, ${JSON.stringify(traits)}`, async () => {
    const shapes = { x: [2, 16, 16, 4], y: [2, 16, 16, 4] };
    const { joined, plain, program } = await both(pair, shapes, traits);
    const pays = !/no parts/.test(program) && joined < plain;
    if (pays) assert.ok(joined <= 0.75 * plain, `${joined} of ${plain}`);
    else assert.is(joined, plain);
  });

/** Branches of random ops and sizes over shared weights, their gradients, and sums of what they give. */
function branches(seed: number): { build: Build; shapes: Record<string, readonly number[]> } {
  const sizes = [8, 12, 16];
  const roll = dice(seed);
  const plan = Array.from({ length: 3 + roll(4) }, () => ({
    size: sizes[roll(3)]!,
    steps: Array.from({ length: 2 + roll(4) }, () => roll(9)),
    weights: roll(2),
  }));
  const shapes = Object.fromEntries(plan.map(({ size }, i) => [`x${i}`, [2, size, size, 4]]));
  const build: Build = () => {
    const filters = [1, 2].map((s) => new Variable([3, 3, 4, 4], noise(144, seed + s), { name: `w${s}` }));
    const matrix = new Variable([4, 4], noise(16, seed + 3), { name: "m" });
    const step = (x: Tensor, kind: number, w: Tensor): Tensor => {
      const [n = 1, h = 1, width = 1, c = 1] = x.shape;
      switch (kind) {
        case 0:
          return conv2d(x, w, { pad: 1 });
        case 1:
          return relu(instanceNorm(x));
        case 2:
          return h % 4 === 0 ? maxPool2d(x, { kernel: 2, stride: 2 }) : tanh(x);
        case 3:
          return batchNorm(x).y;
        case 4:
          return h <= 16 ? resize(x, [2 * h, 2 * width], { mode: "bilinear" }) : x;
        case 5:
          return reshape(matmul(reshape(x, [n * h * width, c]), matrix.value), x.shape);
        case 6:
          return concat(
            [
              slice(x, [
                [0, n],
                [0, h],
                [0, width],
                [0, 2],
              ]),
              tanh(
                slice(x, [
                  [0, n],
                  [0, h],
                  [0, width],
                  [2, 4],
                ]),
              ),
            ],
            -1,
          );
        case 7:
          return h % 4 === 0 ? avgPool2d(x, { kernel: 2, stride: 2 }) : mul(x, x);
        default:
          return mul(x, mean(x, [1, 2], { keepDims: true }));
      }
    };
    return (inputs) => {
      const ends = plan.map(({ steps, weights }, i) =>
        steps.reduce((x, kind) => step(x, kind, filters[weights]!.value), inputs[`x${i}`]!),
      );
      const loss = ends.map((e) => sum(square(e))).reduce((a, b) => add(a, b));
      const variables = [...filters, matrix];
      const gradients = grad(
        loss,
        variables.map((v) => v.value),
      );
      variables.forEach((v, i) => {
        v.assign(sub(v.value, mul(1e-6, gradients[i]!)));
      });
      return { loss, ...Object.fromEntries(ends.map((e, i) => [`e${i}`, e])) };
    };
  };
  return { build, shapes };
}

for (let seed = 1; seed <= 12; seed++)
  test(`random branches have the same bits, seed ${seed}`, async () => {
    const { build, shapes } = branches(seed);
    const { joined, plain } = await both(build, shapes, TRAITS[seed % TRAITS.length]);
    assert.ok(joined <= plain, `${joined} of ${plain}`);
  });

test("what binds a tensor twice may find it beside what it writes", async () => {
  const scan: Build =
    () =>
    ({ x }) => {
      const a = tanh(sub(x!, 0.1));
      const y = mul(cumSum(a, 0), a);
      return { p: mean(square(a), 1), q: mean(square(y), 1), u: cumSum(a, 1), w: cumSum(y, 1) };
    };
  const pool: Build =
    () =>
    ({ x }) => {
      const a = tanh(x!);
      const y = add(maxPool2d(a, { kernel: 3, stride: 1, pad: 1 }), a);
      return { p: mean(square(a), [1, 2]), q: mean(square(y), [1, 2]), u: add(avgPool2d(a, { kernel: 1 }), 1), y };
    };
  for (const traits of TRAITS) {
    await both(scan, { x: [64, 4] }, traits);
    await both(pool, { x: [2, 8, 8, 4] }, traits);
  }
});

test("the first number that is not finite is found in any input and in any part", async () => {
  using d = await open({ cpu: false });
  const f = ({ a, b }: Record<"a" | "b", Tensor>) => ({
    p: mean(square(a), 1),
    q: mean(square(b), 1),
    r: sum(div(1, sub(b, 2)), 1),
    s: sum(div(1, sub(a, 2)), 1),
  });
  using p = await d.compile(f, { a: [8, 64], b: [8, 64] }, { mode: "train" });
  const feeds = { a: noise(512, 1), b: noise(512, 2) };
  assert.is(await firstNotFiniteStage(p, feeds), undefined);
  feeds.b[77] = Infinity;
  const { what, element } = (await firstNotFiniteStage(p, feeds))!;
  assert.equal([what, element], ["input b", 77]);
  feeds.b[77] = 2;
  assert.is((await firstNotFiniteStage(p, feeds))!.stage! >= 0, true);
});

test("a variable is read before it is overwritten, whoever else reads it", async () => {
  const build: Build = () => {
    const [a, b] = [1, 2].map((s) => new Variable([64], noise(64, s), { name: `v${s}` })) as [Variable, Variable];
    return ({ x }) => {
      const [p, q] = [mul(a.value, x!), mul(b.value, x!)];
      a.assign(tanh(q));
      b.assign(tanh(p));
      return { p, q };
    };
  };
  await both(build, { x: [64] }, { cpu: false });
});

test("what is large, has a budget, or was told so, has dispatches of its own", async () => {
  const count = async (size: number, options: CompileOptions): Promise<number> => {
    using d = await open({ cpu: false });
    const f = ({ x, y }: Record<"x" | "y", Tensor>) => ({ a: tanh(sum(x, 0)), b: tanh(sum(y, 0)) });
    using p = await d.compile(f, { x: [4, size], y: [4, size] }, { mode: "train", ...options });
    return p.explain().dispatches.length;
  };
  const alone = await count(256, { horizontal: false });
  assert.is(await count(256, { memoryBudget: 1e6 }), alone);
  assert.is(await count(2 ** 20, {}), await count(2 ** 20, { horizontal: false }));
});

test.run();
