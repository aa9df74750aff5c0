// Several batches in one call: the numbers of calls one by one, and errors that say what is unlike.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tensor, batchNorm, grad, mul, relu, square, sum, together, total } from "../../engine/index.ts";
import { BatchNorm2d, Conv2d } from "../../models/blocks.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { onRanks } from "../helpers/traced-ranks.ts";

const test = suite("together");
const SHAPE = [2, 5, 6, 4] as const;
const SIZE = 2 * 5 * 6 * 4;

type Network = (x: Tensor) => { y: Tensor; layers: readonly Tensor[] };

/** Loss, results, gradients and running averages of a small network for two batches of unlike statistics. */
async function values(call: (f: Network, batches: readonly Tensor[]) => ReturnType<Network>[]): Promise<number[][]> {
  const d = await device();
  const conv = new Conv2d(4, 8, 3, { pad: 1 });
  const norm = new BatchNorm2d(8);
  conv.weight.setInitial(noise(conv.weight.size, 1));
  conv.bias!.setInitial(noise(8, 2));
  norm.weight.setInitial(noise(8, 3));
  norm.bias.setInitial(noise(8, 4));
  const parameters = [conv.weight, conv.bias!, norm.weight, norm.bias];
  const network: Network = (x) => {
    const first = conv.forward(x);
    const y = relu(norm.forward(first));
    return { y, layers: [first, y] };
  };
  using step = await d.compile(
    ({ a, b }: { a: Tensor; b: Tensor }) => {
      const [ofA, ofB] = call(network, [a, b]) as [ReturnType<Network>, ReturnType<Network>];
      const loss = total(sum(square(ofA.y)), mul(3, sum(ofB.y)), sum(mul(ofA.layers[0]!, ofB.layers[1]!)));
      const [dConv, dBias, dGain, dShift] = grad(
        loss,
        parameters.map((p) => p.value),
      ) as [Tensor, Tensor, Tensor, Tensor];
      return { loss, a: ofA.y, b: ofB.y, dConv, dBias, dGain, dShift };
    },
    { a: SHAPE, b: SHAPE },
    { mode: "train" },
  );
  step.run({ a: noise(SIZE, 5, 2), b: noise(SIZE, 6, 0.3).map((v) => v + 1) });
  const found = Object.values(await step.read());
  return [...found, await d.read(norm.runningMean), await d.read(norm.runningVariance)].map((v) => Array.from(v));
}

test("one call gives what calls one by one give: results, gradients, running averages", async () => {
  const apart = await values((f, batches) => batches.map(f));
  const joined = await values(together);
  joined.forEach((v, i) => assert.ok(worst(v, apart[i]!) < 1e-5, `value ${i}`));
});

test("statistics of each batch are given, and where several train they are of all ranks", async () => {
  const x = noise(4 * 6 * 3, 7).map((v, i) => v * (i < 36 ? 1 : 5) + (i < 36 ? 0 : 2));
  const f = (given: Tensor): Record<string, Tensor> => {
    const of: ReturnType<typeof batchNorm>[] = [];
    const halves = (t: Tensor): Tensor => {
      of.push(batchNorm(t));
      return of.at(-1)!.y;
    };
    const [a] = together(halves, [given, mul(given, 2)]) as [Tensor, Tensor];
    return { a, mean: of[0]!.mean, variance: of[0]!.variance };
  };
  const d = await device();
  using one = await d.compile(({ x: given }: { x: Tensor }) => f(given), { x: [4, 6, 3] }, { mode: "train" });
  one.run({ x });
  const whole = await one.read();
  assert.is(whole.mean!.length, 2 * 3);
  assert.ok(
    worst(
      Array.from(whole.mean!.slice(3)),
      Array.from(whole.mean!.slice(0, 3), (v) => 2 * v),
    ) < 1e-5,
  );
  const { values: ofRanks } = await onRanks(2, x, [4, 6, 3], f);
  for (const rank of ofRanks) assert.ok(worst(rank.mean!, whole.mean!) < 1e-5);
  assert.ok(
    worst(
      ofRanks.flatMap(({ a }) => [...a!]),
      whole.a!,
    ) < 1e-5,
  );
});

test("one batch is a call as it is; none is none; unlike ones are refused", () => {
  const x = tensor(noise(6, 1), [2, 3]);
  assert.equal(
    together((t) => t, [x]),
    [x],
  );
  assert.equal(
    together((t) => t, []),
    [],
  );
  assert.throws(() => together((t) => t, [x, tensor(noise(3, 1), [1, 3])]), /batches are \[2, 3\] and \[1, 3\]/);
});

test.run();
