// DRIT's losses, log GAN and distillation by outputs, beside plain arithmetic.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tensor, grad, mul } from "../../engine/index.ts";
import { adversarial, discrimination } from "../../losses/adversarial.ts";
import { mutualDistillation, softCrossEntropy } from "../../losses/distillation.ts";
import {
  contentAdversarial,
  contentDiscrimination,
  contentReconstruction,
  latentRegression,
  multiScaleAdversarial,
  multiScaleDiscrimination,
  variational,
} from "../../losses/drit.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";

const test = suite("drit losses");

const value = async (t: Tensor): Promise<number> => (await (await device()).evaluate(t))[0]!;
const near = (got: number, want: number, by = 1e-6): void =>
  assert.ok(Math.abs(got - want) <= by * Math.max(1, Math.abs(want)), `${got} is not ${want}`);
const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0) / x.length;
const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const bce = (x: ArrayLike<number>, t: number): number =>
  mean(Array.from(x, (v) => -t * Math.log(sigmoid(v)) - (1 - t) * Math.log(1 - sigmoid(v))));

const a = noise(8, 1);
const b = noise(8, 2);
const A = tensor(a, [1, 2, 4, 1]);
const B = tensor(b, [1, 2, 4, 1]);
const twice = { forward: (x: Tensor): Tensor => mul(x, 2) };
const scales = { forward: (x: Tensor): Tensor[] => [mul(x, 2), mul(x, 3)] };
const by = (k: number, x: Float32Array): Float32Array => x.map((v) => k * v);

test("the log GAN is binary cross-entropy of the judgements", async () => {
  near(await value(adversarial(twice, A, "log")), bce(by(2, a), 1));
  near(await value(discrimination(twice, A, B, "log")), 0.5 * (bce(by(2, a), 1) + bce(by(2, b), 0)));
});

test("the content encoder wants the discriminator at one half; that one tells MR from CT and moves no encoder", async () => {
  near(await value(contentAdversarial(twice, A)), bce(by(2, a), 0.5));
  near(await value(contentDiscrimination(twice, A, B)), bce(by(2, a), 0) + bce(by(2, b), 1));
  const g = await (await device()).evaluate(grad(contentDiscrimination(twice, A, B), [A])[0]!);
  assert.ok(g.every((v) => v === 0));
});

test("image losses sum the scales, and the discriminator's moves no generator", async () => {
  near(await value(multiScaleAdversarial(scales, A)), bce(by(2, a), 1) + bce(by(3, a), 1));
  near(await value(multiScaleAdversarial(scales, A, 0.5)), 0.5 * (bce(by(2, a), 1) + bce(by(3, a), 1)));
  near(
    await value(multiScaleDiscrimination(scales, A, B)),
    bce(by(2, a), 1) + bce(by(3, a), 1) + bce(by(2, b), 0) + bce(by(3, b), 0),
  );
  const g = await (await device()).evaluate(grad(multiScaleDiscrimination(scales, A, B), [B])[0]!);
  assert.ok(g.every((v) => v === 0));
});

test("codes, styles and images are compared by mean |a − b|; the divergence is summed", async () => {
  const l1 = mean(a.map((v, i) => Math.abs(v - b[i]!)));
  near(await value(contentReconstruction(A, B)), l1);
  near(await value(latentRegression(A, B)), l1);
  const kl = -0.5 * a.reduce((s, m, i) => s + 1 + b[i]! - m * m - Math.exp(b[i]!), 0);
  const style = { mu: tensor(a, [1, 8]), logVariance: tensor(b, [1, 8]) };
  near(await value(variational(style, A, B)), 0.01 * kl + 10 * l1);
  near(await value(variational(style, A, B, { kl: 1, l1: 1 })), kl + l1);
});

/** −Σ p log q of softmaxes at temperature T, times T². */
function softened(s: Float32Array, t: Float32Array, K: number, T: number): number {
  const soft = (x: Float32Array, i: number): number[] => {
    const e = Array.from(x.subarray(i * K, i * K + K), (v) => Math.exp(v / T));
    const sum = e.reduce((p, q) => p + q, 0);
    return e.map((v) => v / sum);
  };
  const n = s.length / K;
  return (
    T *
    T *
    mean(Array.from({ length: n }, (_, i) => -soft(t, i).reduce((z, p, k) => z + p * Math.log(soft(s, i)[k]!), 0)))
  );
}

for (const temperature of [1, 4]) {
  test(`soft cross-entropy at temperature ${temperature} is of softmaxes, for one channel of sigmoids`, async () => {
    const s = noise(12, 3, 3);
    const t = noise(12, 4, 3);
    near(
      await value(softCrossEntropy(tensor(s, [1, 2, 2, 3]), tensor(t, [1, 2, 2, 3]), { temperature })),
      softened(s, t, 3, temperature),
    );
    // A sigmoid is a softmax of (x, 0).
    const pair = (x: Float32Array): Float32Array => Float32Array.from([...x].flatMap((v) => [v, 0]));
    near(
      await value(softCrossEntropy(tensor(s, [1, 3, 4, 1]), tensor(t, [1, 3, 4, 1]), { temperature })),
      softened(pair(s), pair(t), 2, temperature),
    );
  });
}

test("distillation moves the student only, unless both are to learn from each other", async () => {
  const d = await device();
  const s = tensor(noise(12, 3), [1, 2, 2, 3]);
  const t = tensor(noise(12, 4), [1, 2, 2, 3]);
  const [gs, gt] = grad(softCrossEntropy(s, t, { temperature: 2 }), [s, t]);
  const [ms, mt] = grad(mutualDistillation(s, t, { temperature: 2 }), [s, t]);
  const got = await d.evaluate({ gs: gs!, gt: gt!, ms: ms!, mt: mt! });
  assert.ok(got.gs.some((v) => v !== 0) && got.gt.every((v) => v === 0));
  assert.ok(worst(got.ms, got.gs) < 1e-6 && got.mt.some((v) => v !== 0));
  assert.throws(() => softCrossEntropy(s, t, { temperature: 0 }), /temperature is 0/);
});

test.run();
