import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tensor, grad, logSoftmax, mul, sigmoid } from "../../engine/index.ts";
import { adversarial, discrimination } from "../../losses/adversarial.ts";
import { crossEntropyLoss, nllLoss } from "../../losses/classes.ts";
import { contextual, contextualSimilarity } from "../../losses/contextual.ts";
import { hint } from "../../losses/hint.ts";
import { dice, oneHot, segmentation } from "../../losses/segmentation.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";

const test = suite("losses");

const value = async (t: Tensor): Promise<number> => (await (await device()).evaluate(t))[0]!;
const near = (got: number, want: number, by = 1e-6): void =>
  assert.ok(Math.abs(got - want) <= by * Math.max(1, Math.abs(want)), `${got} is not ${want}`);

/** Contextual similarity by plain loops, one image: x, y are lists of points. */
function similarity(x: number[][], y: number[][], h: number, best: "source" | "target"): number {
  const centre = y[0]!.map((_, c) => y.reduce((s, p) => s + p[c]!, 0) / y.length);
  const unit = (p: number[]): number[] => {
    const q = p.map((v, c) => v - centre[c]!);
    const n = Math.max(Math.hypot(...q), 1e-12);
    return q.map((v) => v / n);
  };
  const xs = x.map(unit);
  const ys = y.map(unit);
  const cx = xs.map((p) => {
    const d = ys.map((q) => 1 - p.reduce((s, v, c) => s + v * q[c]!, 0));
    const least = Math.min(...d) + 1e-5;
    const w = d.map((v) => Math.exp((1 - v / least) / h));
    const sum = w.reduce((a, b) => a + b, 0);
    return w.map((v) => v / sum);
  });
  const maxima =
    best === "source" ? ys.map((_, j) => Math.max(...cx.map((row) => row[j]!))) : cx.map((row) => Math.max(...row));
  return maxima.reduce((a, b) => a + b, 0) / maxima.length;
}

const S = 12;
const T = 15;
const C = 4;
const points = (x: Float32Array, n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from(x.subarray(i * C, (i + 1) * C)));

for (const best of ["source", "target"] as const) {
  for (const bandWidth of [0.1, 0.5]) {
    test(`contextual similarity agrees with plain loops, best ${best}, h = ${bandWidth}, of other sizes`, async () => {
      const x = noise(S * C, 1);
      const y = noise(T * C, 2);
      const got = await value(
        contextualSimilarity(tensor(x, [1, 3, 4, C]), tensor(y, [1, 5, 3, C]), { bandWidth, best }),
      );
      near(got, similarity(points(x, S), points(y, T), bandWidth, best), 1e-5);
    });
  }
}

test("equal features have contextual loss 0, wherever they stand", async () => {
  const x = noise(S * C, 1);
  const reversed = Float32Array.from(points(x, S).reverse().flat());
  near(await value(contextual(tensor(x, [1, 3, 4, C]), tensor(reversed, [1, 4, 3, C]))), 0, 3e-5);
});

test("a narrow band and a constant picture give finite loss and gradient", async () => {
  const d = await device();
  for (const x of [noise(S * C, 3), new Float32Array(S * C).fill(0.3)]) {
    const a = tensor(x, [1, 3, 4, C]);
    const b = tensor(noise(S * C, 4), [1, 3, 4, C]);
    const loss = contextual(a, b, { bandWidth: 0.005 });
    const got = await d.evaluate({ loss, g: grad(loss, [a])[0]! });
    assert.ok([...got.loss, ...got.g].every(Number.isFinite));
  }
});

test("the contextual loss of several layers is their mean", async () => {
  const [a, b, c, e] = [1, 2, 3, 4].map((seed) => tensor(noise(S * C, seed), [1, 3, 4, C]));
  const [ab, ce, both] = [
    await value(contextual(a!, b!)),
    await value(contextual(c!, e!)),
    await value(contextual([a!, c!], [b!, e!])),
  ];
  near(both, (ab + ce) / 2, 1e-6);
});

test("binary segmentation is Dice of the sigmoid over the whole batch", async () => {
  const z = noise(2 * 16, 1, 3);
  const t = noise(2 * 16, 2).map((v) => Number(v > 0.3));
  const p = Array.from(z, (v) => 1 / (1 + Math.exp(-v)));
  const sum = (v: ArrayLike<number>): number => Array.from(v).reduce((a, b) => a + b, 0);
  const want = 1 - (2 * sum(p.map((v, i) => v * t[i]!)) + 1) / (sum(p) + sum(t) + 1);
  const logits = tensor(z, [2, 4, 4, 1]);
  const mask = tensor(t, [2, 4, 4, 1]);
  near(await value(segmentation(logits, mask)), want);
  near(await value(dice(sigmoid(logits), mask)), want);
});

test("a perfect segmentation costs nothing, an empty one of an empty mask neither", async () => {
  const t = noise(32, 2).map((v) => Number(v > 0.3));
  near(
    await value(
      segmentation(
        tensor(
          t.map((v) => 80 * v - 40),
          [2, 4, 4, 1],
        ),
        tensor(t, [2, 4, 4, 1]),
      ),
    ),
    0,
  );
  near(
    await value(
      segmentation(tensor(new Float32Array(32).fill(-40), [2, 4, 4, 1]), tensor(new Float32Array(32), [2, 4, 4, 1])),
    ),
    0,
  );
  const classes = Float32Array.from({ length: 32 }, (_, i) => i % 3);
  const logits = await (await device()).evaluate(mul(60, oneHot(tensor(classes, [2, 4, 4, 1]), 3)));
  near(await value(segmentation(tensor(logits, [2, 4, 4, 3]), tensor(classes, [2, 4, 4, 1]))), 0, 1e-5);
});

test("class numbers become indicators, whole numbers of any type", async () => {
  for (const dtype of ["f32", "i32", "u32"] as const) {
    const got = await (await device()).evaluate(oneHot(tensor([0, 2, 1], [1, 1, 3, 1], dtype), 3));
    assert.equal([...got], [1, 0, 0, 0, 0, 1, 0, 1, 0]);
  }
});

test("the hint sums layers, and moves student and teacher alike", async () => {
  const d = await device();
  const a = tensor(noise(16, 1), [1, 2, 2, 4]);
  const b = tensor(noise(16, 2), [1, 2, 2, 4]);
  const c = tensor(noise(64, 3), [1, 4, 4, 4]);
  const e = tensor(noise(64, 4), [1, 4, 4, 4]);
  near(await value(hint([a, c], [b, e])), (await value(hint([a], [b]))) + (await value(hint([c], [e]))));
  near(
    await value(hint([a, c], [b, e], "frobenius")),
    16 * (await value(hint([a], [b]))) + 64 * (await value(hint([c], [e]))),
  );
  const [ga, gb] = grad(hint([a], [b]), [a, b]);
  const got = await d.evaluate({ ga: ga!, gb: gb! });
  assert.ok(
    worst(
      got.ga,
      got.gb.map((v) => -v),
    ) === 0 && got.ga.some((v) => v !== 0),
  );
});

test("hints in parts of the variance: features that shrink together gain nothing, and the spread is a constant", async () => {
  const d = await device();
  const [student, teacher] = [noise(48, 5), noise(48, 6)];
  const [N, C] = [12, 4];
  const spread = (values: ArrayLike<number>): number => {
    const channels = Array.from({ length: C }, (_, c) => Array.from({ length: N }, (_, i) => values[i * C + c]!));
    const varianceOf = (v: readonly number[]): number => {
      const m = v.reduce((a, x) => a + x, 0) / v.length;
      return v.reduce((a, x) => a + (x - m) ** 2, 0) / v.length;
    };
    return channels.reduce((a, v) => a + varianceOf(v) / C, 0);
  };
  const squares = student.reduce((a, x, i) => a + (x - teacher[i]!) ** 2, 0) / 48;
  const divisor = (spread(student) + spread(teacher)) / 2 + 1e-6;
  const shape = [1, 3, 4, 4];
  const [a, b] = [tensor(student, shape), tensor(teacher, shape)];
  near(await value(hint([a], [b], "variance")), squares / divisor);
  near(await value(hint([mul(a, 0.25)], [mul(b, 0.25)], "variance")), squares / divisor, 1e-3);
  const got = await d.evaluate({ g: grad(hint([a], [b], "variance"), [a])[0]! });
  assert.ok(
    worst(
      got.g,
      Array.from(student, (x, i) => (2 * (x - teacher[i]!)) / 48 / divisor),
    ) < 1e-5,
  );
});

test("the discriminator's loss moves no generator, the generator's does", async () => {
  const d = await device();
  const D = { forward: (x: Tensor): Tensor => mul(x, 2) };
  const real = tensor(noise(8, 1), [1, 2, 4, 1]);
  const fake = tensor(noise(8, 2), [1, 2, 4, 1]);
  const { own, other } = await d.evaluate({
    own: grad(adversarial(D, fake), [fake])[0]!,
    other: grad(discrimination(D, real, fake), [fake])[0]!,
  });
  assert.ok(other.every((v) => v === 0));
  const f = noise(8, 2);
  assert.ok(
    worst(
      own,
      f.map((v) => (2 * (2 * v - 1) * 2) / 8),
    ) < 1e-6,
  );
  const r = noise(8, 1);
  near(
    await value(discrimination(D, real, fake)),
    (0.5 * (r.reduce((s, v) => s + (2 * v - 1) ** 2, 0) + f.reduce((s, v) => s + (2 * v) ** 2, 0))) / 8,
  );
});

test("segmentation by cross-entropy is the mean of −log P, and the sum of both losses their sum", async () => {
  const binary = noise(32, 21, 2);
  const mask = Float32Array.from(binary, (_, i) => +(i % 3 === 0));
  const logits = tensor(binary, [2, 4, 4, 1]);
  const expert = tensor(mask, [2, 4, 4, 1]);
  const minusLogP = binary.reduce((sum, x, i) => sum + Math.log1p(Math.exp(mask[i]! ? -x : x)), 0) / 32;
  const crossed = await value(segmentation(logits, expert, "cross-entropy"));
  near(crossed, minusLogP);
  near(
    await value(segmentation(logits, expert, "dice+cross-entropy")),
    crossed + (await value(segmentation(logits, expert))),
  );

  const several = noise(48, 22, 2);
  const classes = Float32Array.from({ length: 16 }, (_, i) => i % 3);
  const minusLogPs = classes.reduce((sum, k, i) => {
    const pixel = several.subarray(3 * i, 3 * i + 3);
    return sum + Math.log(pixel.reduce((z, x) => z + Math.exp(x), 0)) - pixel[k]!;
  }, 0);
  near(
    await value(segmentation(tensor(several, [1, 4, 4, 3]), tensor(classes, [1, 4, 4, 1]), "cross-entropy")),
    minusLogPs / 16,
  );
});

test("a label that is no class gives NaN, whatever is made of the losses; an ignored one gives 0", async () => {
  const d = await device();
  const x = tensor(noise(4 * 3, 5), [4, 3]);
  for (const stranger of [3, 7, -1, 2 ** 31 - 1]) {
    const labels = tensor([0, stranger, 2, -100], [4], "i32");
    for (const options of [{}, { smoothing: 0.1 }, { weight: tensor([1, 2, 3]) }]) {
      const [dx] = grad(crossEntropyLoss(x, labels, options), [x]);
      const got = await d.evaluate({
        mean: crossEntropyLoss(x, labels, options),
        sum: crossEntropyLoss(x, labels, { ...options, reduction: "sum" }),
        nll: nllLoss(logSoftmax(x, 1), labels),
        dx,
      });
      for (const [name, values] of Object.entries(got))
        assert.ok(Number.isNaN(values[0]), `${name}, label ${stranger}`);
      const each = await d.evaluate(crossEntropyLoss(x, labels, { ...options, reduction: "none" }));
      assert.equal(Array.from(each, Number.isNaN), [false, true, false, false]);
      assert.is(each[3], 0);
    }
  }
  const logits = tensor(noise(12, 6), [1, 2, 2, 3]);
  for (const kind of ["dice", "cross-entropy", "dice+cross-entropy"] as const)
    for (const dtype of ["f32", "i32"] as const) {
      const mask = (v: number): Tensor => tensor([0, 1, 2, v], [1, 2, 2, 1], dtype);
      assert.ok(Number.isNaN(await value(segmentation(logits, mask(3), kind))), kind);
      assert.ok(Number.isFinite(await value(segmentation(logits, mask(2), kind))), kind);
    }
});

test.run();
