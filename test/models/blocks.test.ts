import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStreams, type Tensor, grad, sum } from "../../engine/index.ts";
import { BatchNorm2d, setInferenceStatistics } from "../../models/blocks.ts";
import { PatchDiscriminator } from "../../models/patch-discriminator.ts";
import { ResnetGenerator } from "../../models/resnet-generator.ts";
import { UNet } from "../../models/unet.ts";
import { Vgg19, imagenetInput } from "../../models/vgg.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";

const test = suite("blocks");

const C = 3;
const PIXELS = 2 * 4 * 5;
const moments = (x: Float32Array): { mean: number[]; variance: number[] } => {
  const of = (f: (v: number, c: number) => number): number[] =>
    Array.from({ length: C }, (_, c) => x.reduce((s, v, i) => s + (i % C === c ? f(v, c) : 0), 0) / (x.length / C));
  const mean = of((v) => v);
  return { mean, variance: of((v, c) => (v - mean[c]!) ** 2) };
};
const normalized = (x: Float32Array, mean: ArrayLike<number>, variance: ArrayLike<number>): number[] =>
  Array.from(x, (v, i) => (v - mean[i % C]!) / Math.sqrt(variance[i % C]! + 1e-5));

/** A batch norm of gain 1, trained on two batches; the running statistics it should have. */
async function trained(): Promise<{ bn: BatchNorm2d; mean: number[]; variance: number[] }> {
  const d = await device();
  const bn = new BatchNorm2d(C);
  bn.weight.setInitial(new Float32Array(C).fill(1));
  using step = await d.compile(({ x }) => ({ y: bn.forward(x) }), { x: [2, 4, 5, C] }, { mode: "train" });
  let mean = [0, 0, 0];
  let variance = [1, 1, 1];
  for (const seed of [1, 2]) {
    const x = noise(PIXELS * C, seed, 3);
    step.run({ x });
    const { y } = await step.read();
    const m = moments(x);
    assert.ok(worst(y, normalized(x, m.mean, m.variance)) < 1e-6);
    mean = mean.map((r, c) => 0.9 * r + 0.1 * m.mean[c]!);
    variance = variance.map((r, c) => 0.9 * r + (0.1 * m.variance[c]! * PIXELS) / (PIXELS - 1));
  }
  return { bn, mean, variance };
}

test("batch norm in training uses the batch and moves the running statistics, variance unbiased", async () => {
  const d = await device();
  const { bn, mean, variance } = await trained();
  assert.ok(worst(await d.read(bn.runningMean), mean) < 1e-6);
  assert.ok(worst(await d.read(bn.runningVariance), variance) < 1e-6);
});

test("batch norm at inference uses the running statistics, or the batch's where it is told to", async () => {
  const d = await device();
  const { bn, mean, variance } = await trained();
  const x = noise(PIXELS * C, 7, 2);
  const infer = (): Promise<ArrayLike<number>> => d.evaluate(bn.forward(tensor(x, [2, 4, 5, C])));
  assert.ok(worst(await infer(), normalized(x, mean, variance)) < 1e-6);
  setInferenceStatistics(bn, "batch");
  const m = moments(x);
  assert.ok(worst(await infer(), normalized(x, m.mean, m.variance)) < 1e-6);
  assert.ok(worst(await d.read(bn.runningMean), mean) < 1e-6, "inference must not move the running statistics");
});

test("by each image's own statistics a slice comes out the same, whatever it is batched with", async () => {
  const d = await device();
  const { bn } = await trained();
  setInferenceStatistics(bn, "image");
  const each = 20 * C;
  const slices = noise(3 * each, 9, 2);
  const infer = (x: Float32Array): Promise<ArrayLike<number>> =>
    d.evaluate(bn.forward(tensor(x, [x.length / each, 4, 5, C])));
  const together = Array.from(await infer(slices));
  const filled = new Float32Array(4 * each).fill(-1);
  filled.set(slices.subarray(each, 2 * each));
  for (let i = 0; i < 3; i++) {
    const one = slices.subarray(i * each, (i + 1) * each);
    const { mean, variance } = moments(one);
    const alone = await infer(one);
    assert.ok(worst(alone, normalized(one, mean, variance)) < 1e-6);
    assert.ok(worst(together.slice(i * each, (i + 1) * each), alone) < 1e-6);
    if (i === 1) assert.ok(worst(Array.from(await infer(filled)).slice(0, each), alone) < 1e-6);
  }
});

test("batch norm called twice in a step moves its statistics twice, in order", async () => {
  const d = await device();
  const bn = new BatchNorm2d(C);
  const x = noise(PIXELS * C, 1);
  const z = noise(PIXELS * C, 2, 2);
  using step = await d.compile(
    ({ x, z }) => ({ y: bn.forward(x), u: bn.forward(z) }),
    { x: [2, 4, 5, C], z: [2, 4, 5, C] },
    { mode: "train" },
  );
  step.run({ x, z });
  await step.read();
  const a = moments(x).mean;
  const b = moments(z).mean;
  assert.ok(
    worst(
      await d.read(bn.runningMean),
      a.map((v, c) => 0.9 * 0.1 * v + 0.1 * b[c]!),
    ) < 1e-6,
  );
});

test("a batch of nothing leaves the running statistics as they are", async () => {
  const d = await device();
  const bn = new BatchNorm2d(C);
  using step = await d.compile(
    ({ x }) => {
      const [dx, dw] = grad(sum(bn.forward(x)), [x, bn.weight.value]);
      return { dx, dw };
    },
    { x: [0, 4, 5, C] },
    { mode: "train" },
  );
  step.run({ x: [] });
  const { dx, dw } = await step.read();
  assert.is(dx.length, 0);
  assert.equal(Array.from(dw), [0, 0, 0]);
  assert.equal(Array.from(await d.read(bn.runningMean)), [0, 0, 0]);
  assert.equal(Array.from(await d.read(bn.runningVariance)), [1, 1, 1]);
});

const image = (n: number, h: number, w: number, c = 1): Tensor => tensor(noise(n * h * w * c, 3), [n, h, w, c]);

test("U-Net gives logits at the image's size and the two finest decoder features, at any size and depth", () => {
  const wide = new UNet({ width: 2, outputs: 3 }).forward(image(2, 32, 48));
  assert.equal(wide.logits.shape, [2, 32, 48, 3]);
  assert.equal(
    wide.features.map((f) => f.shape),
    [
      [2, 16, 24, 2],
      [2, 32, 48, 2],
    ],
  );
  const odd = new UNet({ width: 4, depth: 2 }).forward(image(1, 19, 22));
  assert.equal(odd.logits.shape, [1, 19, 22, 1]);
  assert.equal(
    odd.features.map((f) => f.shape),
    [
      [1, 9, 11, 4],
      [1, 19, 22, 4],
    ],
  );
});

test("the generator keeps the image's size; PatchGAN judges 70 × 70 patches", () => {
  assert.equal(new ResnetGenerator({ width: 2, blocks: 1 }).forward(image(1, 24, 32)).shape, [1, 24, 32, 1]);
  assert.equal(new PatchDiscriminator({ width: 2 }).forward(image(1, 256, 256)).shape, [1, 30, 30, 1]);
  assert.equal(new PatchDiscriminator({ width: 2, layers: 2 }).forward(image(1, 64, 64)).shape, [1, 14, 14, 1]);
});

test("VGG19's taps have the sizes that the paper gives, in the order asked for", () => {
  const shapes = (taps?: string[]): readonly (readonly number[])[] =>
    new Vgg19({ taps, width: 2 }).forward(image(1, 256, 256)).map((t) => t.shape);
  assert.equal(shapes(), [
    [1, 64, 64, 8],
    [1, 64, 64, 8],
    [1, 32, 32, 16],
  ]);
  assert.equal(shapes(["conv3_1", "conv1_2"]), [
    [1, 64, 64, 8],
    [1, 256, 256, 2],
  ]);
});

test("VGG19 sees grey images as three channels normalised by ImageNet's statistics", async () => {
  const d = await device();
  const got = await d.evaluate(imagenetInput(tensor([-1, 0, 1], [1, 1, 3, 1])));
  const want = [0, 0.5, 1].flatMap((v) => [(v - 0.485) / 0.229, (v - 0.456) / 0.224, (v - 0.406) / 0.225]);
  assert.ok(worst(got, want) < 1e-6);
  const colour = await d.evaluate(imagenetInput(tensor([-1, 0, 1], [1, 1, 1, 3])));
  assert.ok(worst(colour, [want[0]!, want[4]!, want[8]!]) < 1e-6);
});

test("without weights, VGG19's features keep the scale of the image through its depth", async () => {
  const d = await device();
  const vgg = new Vgg19({ width: 16 }).initialize(new RandomStreams(1), "F");
  const [a, , c] = vgg.forward(image(1, 32, 32));
  const { x, y } = await d.evaluate({ x: a!, y: c! });
  const rms = (v: ArrayLike<number>): number => Math.sqrt(Array.from(v).reduce((s, u) => s + u * u, 0) / v.length);
  for (const v of [x, y]) assert.ok(rms(v) > 0.3 && rms(v) < 6, `the root mean square is ${rms(v)}`);
});

test.run();
