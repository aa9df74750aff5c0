// What the networks beside U-Net and the generator give, and how their dropout and noise behave.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Module, RandomStream, RandomStreams, type Tensor, input } from "../../engine/index.ts";
import { setInferenceStatistics } from "../../models/blocks.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { Dropout2d } from "../../models/dropout.ts";
import { ContentDiscriminator, MultiScaleDiscriminator } from "../../models/drit-discriminators.ts";
import { ContentEncoder, StyleEncoder, StyleGenerator } from "../../models/drit.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { AlphaNetwork, weightedInput } from "../../models/resnet18.ts";
import { UNet } from "../../models/unet.ts";
import { Vgg } from "../../models/vgg.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";

const test = suite("zoo");

const image = (size: number, n = 1, channels = 1): Tensor => input("image", [n, size, size, channels]);
const shapes = (ts: readonly Tensor[]): (readonly number[])[] => ts.map((t) => t.shape);

test("each segmentor ties the features whose sizes the paper gives", () => {
  const at = (
    network: { forward(x: Tensor): { logits: Tensor; features: readonly Tensor[] } },
    channels: [number, number],
  ): void => {
    const { logits, features } = network.forward(image(256));
    assert.equal(logits.shape, [1, 256, 256, 1]);
    assert.equal(shapes(features), [
      [1, 128, 128, channels[0]],
      [1, 256, 256, channels[1]],
    ]);
  };
  at(new UNet(), [64, 64]);
  at(new DenseFcn(), [228, 192]);
  at(new Mrrn(), [128, 64]);
});

test("low hints are the first two convolutions', mid hints the bottleneck's", () => {
  const of = (make: (hints: "low" | "mid") => { forward(x: Tensor): { features: readonly Tensor[] } }): unknown =>
    (["low", "mid"] as const).map((h) => shapes(make(h).forward(image(64)).features));
  assert.equal(
    of((hints) => new UNet({ width: 2, hints })),
    [
      [
        [1, 64, 64, 2],
        [1, 64, 64, 2],
      ],
      [[1, 4, 4, 16]],
    ],
  );
  assert.equal(
    of((hints) => new DenseFcn({ width: 4, growth: 2, hints })),
    [
      [
        [1, 64, 64, 4],
        [1, 64, 64, 2],
      ],
      [[1, 2, 2, 8]],
    ],
  );
  assert.equal(
    of((hints) => new Mrrn({ width: 2, hints })),
    [
      [
        [1, 64, 64, 2],
        [1, 64, 64, 2],
      ],
      [[1, 4, 4, 32]],
    ],
  );
});

test("DenseFCN comes back to an image whose size no power of two divides, at other depths", () => {
  const { logits, features } = new DenseFcn({ width: 4, growth: 2, layers: 3, depth: 2, outputs: 3 }).forward(
    image(27),
  );
  assert.equal(logits.shape, [1, 27, 27, 3]);
  assert.equal(shapes(features), [
    [1, 13, 13, 26],
    [1, 27, 27, 22],
  ]);
});

test("DRIT's parts fit together, at 4 residual blocks and at the paper's 6", () => {
  const content = new ContentEncoder({ width: 4 }).forward(image(64, 2), "a");
  assert.equal(content.shape, [2, 16, 16, 16]);
  const { mu, logVariance } = new StyleEncoder({ width: 4 }).forward(image(64, 2), "b");
  assert.equal(
    [mu.shape, logVariance.shape],
    [
      [2, 8],
      [2, 8],
    ],
  );
  for (const blocks of [4, 6]) {
    const G = new StyleGenerator({ width: 4, blocks });
    assert.is(G.shared.length + G.a.blocks.length, blocks);
    assert.equal(G.forward(content, mu, "b").shape, [2, 64, 64, 1]);
  }
  assert.equal(shapes(new MultiScaleDiscriminator({ width: 2 }).forward(image(256))), [
    [1, 16, 16, 1],
    [1, 8, 8, 1],
    [1, 4, 4, 1],
  ]);
  const Dc = new ContentDiscriminator({ channels: 4 });
  assert.equal(shapes([53, 54, 64].map((n) => Dc.forward(image(n, 1, 4)))), [
    [1, 1, 1, 1],
    [1, 1, 1, 1],
    [1, 2, 2, 1],
  ]);
  assert.throws(() => Dc.forward(image(52, 1, 4)), /conv2d/);
});

test("VGG16's Conv8 is half the size of VGG19's", () => {
  assert.equal(shapes(new Vgg({ layers: 16, width: 2 }).forward(image(256))), [
    [1, 64, 64, 8],
    [1, 32, 32, 16],
    [1, 32, 32, 16],
  ]);
});

test("the α-network gives one number an image, and weighs CT against pseudo MR", async () => {
  assert.equal(new AlphaNetwork({ width: 2 }).forward(image(64, 3, 2)).shape, [3, 1]);
  const d = await device();
  const [xC, pM] = [noise(8, 1), noise(8, 2)];
  const got = await d.evaluate(
    weightedInput(tensor(xC, [2, 2, 2, 1]), tensor(pM, [2, 2, 2, 1]), tensor([0.25, 1], [2, 1])),
  );
  const want = Array.from({ length: 8 }, (_, i) => [0.25, 1][i >> 2]).flatMap((a, i) => [
    (1 - a!) * xC[i]!,
    a! * pM[i]!,
  ]);
  assert.ok(worst(got, want) < 1e-6);
  assert.equal(weightedInput(tensor(xC, [2, 2, 2, 1]), tensor(pM, [2, 2, 2, 1]), 0.25).shape, [2, 2, 2, 2]);
});

test("dropout drops other channels at each call and run, the same for one key and step, none at inference", async () => {
  const d = await device();
  const x = new Float32Array(64).fill(1);
  const runs = async (key: number, from: number): Promise<{ a: string; b: string }[]> => {
    const random = new RandomStream(key);
    random.step = from;
    const layer = new Dropout2d(0.5, random);
    using p = await d.compile(
      ({ x }) => ({ a: layer.forward(x), b: layer.forward(x) }),
      { x: [2, 1, 1, 32] },
      { mode: "train" },
    );
    const found: { a: string; b: string }[] = [];
    for (let i = 0; i < 2; i++) {
      p.run({ x });
      const { a, b } = await p.read();
      assert.ok([...a, ...b].every((v) => v === 0 || v === 2));
      found.push({ a: a.join(""), b: b.join("") });
    }
    assert.is(random.step, from + 2);
    return found;
  };
  const first = await runs(7, 0);
  assert.is(new Set(first.flatMap(({ a, b }) => [a, b])).size, 4);
  assert.equal(await runs(7, 0), first);
  assert.equal((await runs(7, 1))[0], first[1], "a run can be resumed at its step");
  assert.not.equal(await runs(8, 0), first);
  const layer = new Dropout2d(0.5, new RandomStream());
  const t = tensor(x, [2, 1, 1, 32]);
  assert.is(layer.forward(t), t);
});

test("a network's streams are found once each by their shortest path, and keyed by seed and path", () => {
  class Pair extends Module {
    readonly S = new Mrrn({ width: 2 });
    readonly others = [new DenseFcn({ width: 4, growth: 2, layers: 1, depth: 2 }), new UNet({ width: 2 })];
    readonly E = new ContentEncoder({ width: 2, blocks: 0 });
  }
  const keys = (seed: number): number[] =>
    [...new Pair().initialize(new RandomStreams(seed)).randomStreams().values()].map((s) => s.key);
  const pair = new Pair();
  assert.equal([...pair.randomStreams().keys()], ["S.random", "E.random", "others.0.random"]);
  assert.is(pair.randomStreams("net").get("net.S.random"), pair.S.random);
  assert.equal(keys(1), keys(1));
  assert.is(new Set([...keys(1), ...keys(2)]).size, 6);
});

test("a given mask takes the place of random numbers", async () => {
  const d = await device();
  const layer = new Dropout2d(0.5, new RandomStream());
  layer.mask = tensor([2, 0, 0, 4], [2, 2]);
  const got = await d.evaluate(layer.forward(tensor(noise(8, 1), [2, 2, 1, 2])));
  assert.ok(
    worst(
      got,
      noise(8, 1).map((v, i) => v * [2, 0, 0, 4][2 * (i >> 2) + (i % 2)]!),
    ) < 1e-6,
  );
});

test("the content encoder adds N(0, 1) in training only, or the noise it is given", async () => {
  const d = await device();
  const E = new ContentEncoder({ width: 2, blocks: 0, sharedBlocks: 0 });
  const x = noise(4 * 32 * 32, 3);
  using trained = await d.compile(
    ({ x, given }) => ({ drawn: E.forward(x, "a"), fixed: E.forward(x, "a", given) }),
    { x: [4, 32, 32, 1], given: [4, 8, 8, 8] },
    { mode: "train" },
  );
  using inferred = await d.compile(({ x }) => ({ y: E.forward(x, "a") }), { x: [4, 32, 32, 1] });
  const given = noise(4 * 8 * 8 * 8, 5);
  trained.run({ x, given });
  inferred.run({ x });
  const { drawn, fixed } = await trained.read();
  const { y } = await inferred.read();
  assert.ok(
    worst(
      fixed,
      y.map((v, i) => v + given[i]!),
    ) < 1e-5,
  );
  const added = Array.from(drawn, (v, i) => v - y[i]!);
  const n = added.length;
  const mean = added.reduce((a, b) => a + b, 0) / n;
  const variance = added.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
  assert.ok(Math.abs(mean) < 5 / Math.sqrt(n), `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 5 * Math.sqrt(2 / n), `variance ${variance}`);
  assert.ok(Math.max(...added.map(Math.abs)) > 2.5, "tails");
});

test("MRRN's features differ where corners are aligned", async () => {
  const d = await device();
  const x = tensor(noise(32 * 32, 1), [1, 32, 32, 1]);
  // The same initial values for both, and norms that keep them of one size.
  const coarse = (alignCorners: boolean): Tensor => {
    const network = new Mrrn({ width: 2, alignCorners }).initialize(new RandomStreams(1));
    setInferenceStatistics(network, "batch");
    return network.forward(x).features[0]!;
  };
  const { ya, yb } = await d.evaluate({ ya: coarse(false), yb: coarse(true) });
  assert.ok(worst(ya, yb) > 0.1, `${worst(ya, yb)}`);
});

test.run();
