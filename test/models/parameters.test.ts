import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Module, type Parameter, RandomStream, RandomStreams } from "../../engine/index.ts";
import { BatchNorm2d, Conv2d, ConvTranspose2d } from "../../models/blocks.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { ContentDiscriminator, MultiScaleDiscriminator } from "../../models/drit-discriminators.ts";
import { ContentEncoder, StyleEncoder, StyleGenerator } from "../../models/drit.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { PatchDiscriminator } from "../../models/patch-discriminator.ts";
import { AlphaNetwork } from "../../models/resnet18.ts";
import { ResnetGenerator } from "../../models/resnet-generator.ts";
import { UNet } from "../../models/unet.ts";
import { Vgg19 } from "../../models/vgg.ts";

const test = suite("parameters");

const sizeOf = (network: Module): number => [...network.variables().values()].reduce((n, v) => n + v.size, 0);

for (const [name, network, parameters] of [
  ["U-Net", new UNet(), 13_394_177],
  ["U-Net with two classes", new UNet({ outputs: 2 }), 13_394_242],
  ["U-Net on three channels", new UNet({ inputs: 3 }), 13_395_329],
  ["U-Net on CT and pseudo MR", new UNet({ inputs: 2 }), 13_394_753],
  ["U-Net of width 4", new UNet({ width: 4 }), 53_057],
  ["the generator", new ResnetGenerator(), 11_365_633],
  ["the generator for colour", new ResnetGenerator({ inputs: 3, outputs: 3 }), 11_378_179],
  ["the generator of width 4", new ResnetGenerator({ width: 4 }), 45_073],
  ["PatchGAN", new PatchDiscriminator(), 2_762_689],
  ["PatchGAN on three channels", new PatchDiscriminator({ inputs: 3 }), 2_764_737],
  ["PatchGAN of width 4", new PatchDiscriminator({ width: 4 }), 11_389],
  ["DenseFCN", new DenseFcn(), 1_374_001],
  ["DenseFCN with two classes", new DenseFcn({ outputs: 2 }), 1_374_194],
  ["DenseFCN on three channels with twelve classes", new DenseFcn({ inputs: 3, outputs: 12 }), 1_376_988],
  [
    "DenseFCN with 5 layers in the encoder's blocks",
    new DenseFcn({ layers: { encoder: 5, bottleneck: 4, decoder: 4 } }),
    1_740_373,
  ],
  ["DenseFCN of width 12 and growth 3", new DenseFcn({ width: 12, growth: 3 }), 90_295],
  ["MRRN", new Mrrn(), 38_916_385],
  ["MRRN with two classes", new Mrrn({ outputs: 2 }), 38_916_418],
  ["MRRN with seven classes", new Mrrn({ outputs: 7 }), 38_916_583],
  ["MRRN of width 3", new Mrrn({ width: 3 }), 345_196],
  ["DRIT's content encoder", new ContentEncoder(), 9_005_568],
  ["DRIT's style encoder", new StyleEncoder(), 2_684_064],
  ["DRIT's generator with 4 blocks", new StyleGenerator(), 9_564_386],
  ["DRIT's multi-scale discriminator", new MultiScaleDiscriminator(), 8_265_027],
  ["DRIT's content discriminator", new ContentDiscriminator(), 10_683_649],
  ["the α-network", new AlphaNetwork(), 11_239_169],
] as const) {
  test(`${name} has ${parameters} parameters`, () => assert.is(network.parameterCount(), parameters));
}

test("VGG19 to conv4_1 has 3,505,728 values, none trainable", () => {
  assert.is(sizeOf(new Vgg19()), 3_505_728);
  assert.is(new Vgg19().parameterCount(), 0);
});

test("VGG19 ends at its deepest tap, and refuses a layer it does not have", () => {
  assert.is(new Vgg19({ taps: ["conv3_3", "conv3_4"] }).convs.length, 8);
  assert.is(new Vgg19({ taps: ["conv5_4"] }).convs.length, 16);
  assert.throws(() => new Vgg19({ taps: ["conv3_5"] }), /VGG19 has no layer conv3_5; name some of conv1_1/);
});

test("DRIT in all has 64,997,775 parameters", () => {
  const networks = [
    new ContentEncoder(),
    new StyleEncoder(),
    new StyleGenerator(),
    new ContentDiscriminator(),
    ...Array.from({ length: 4 }, () => new MultiScaleDiscriminator()),
  ];
  assert.is(
    networks.reduce((n, network) => n + network.parameterCount(), 0),
    64_997_775,
  );
});

test("VGG16 has its own layers, and the paper's Conv7 to Conv9 are its default taps too", () => {
  const vgg = new Vgg19({ layers: 16, width: 4 });
  assert.equal(vgg.taps, ["conv3_3", "conv4_1", "conv4_2"]);
  assert.is(new Vgg19({ layers: 16, taps: ["conv5_3"], width: 1 }).convs.length, 13);
  assert.throws(() => new Vgg19({ layers: 16, taps: ["conv3_4"] }), /VGG16 has no layer conv3_4/);
});

const statistics = (p: Parameter): { mean: number; deviation: number; farthest: number } => {
  const x = Array.from(p.initialData());
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  return {
    mean,
    deviation: Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length),
    farthest: Math.max(...x.map(Math.abs)),
  };
};
const near = (got: number, want: number, by: number): void =>
  assert.ok(Math.abs(got - want) <= by, `${got} is not ${want} ± ${by}`);

test("convolutions start as N(0, 0.02²) with biases within ±1/√fan-in", () => {
  for (const [layer, fanIn] of [
    [new Conv2d(16, 256, 3), 16 * 9],
    [new ConvTranspose2d(256, 32, 3), 32 * 9],
  ] as const) {
    (layer as Module).initialize(new RandomStreams(3));
    const w = statistics(layer.weight);
    const b = statistics(layer.bias!);
    near(w.mean, 0, 5e-4);
    near(w.deviation, 0.02, 5e-4);
    assert.ok(b.farthest <= 1 / Math.sqrt(fanIn));
    assert.ok(b.farthest > 0.8 / Math.sqrt(fanIn));
  }
});

test("batch norm starts with gains N(1, 0.02²), biases 0, running mean 0 and variance 1", () => {
  const norm = new BatchNorm2d(4096).initialize(new RandomStreams(3));
  near(statistics(norm.weight).mean, 1, 2e-3);
  near(statistics(norm.weight).deviation, 0.02, 2e-3);
  assert.is(statistics(norm.bias).farthest, 0);
  assert.ok(Array.from(norm.runningMean.initialData()).every((v) => v === 0));
  assert.ok(Array.from(norm.runningVariance.initialData()).every((v) => v === 1));
});

test("VGG19 without a file starts He-normal with biases 0", () => {
  const vgg = new Vgg19({ width: 16 }).initialize(new RandomStreams(3), "F");
  near(statistics(vgg.convs[4]!.weight).deviation, Math.sqrt(2 / (9 * 32)), 2e-3);
  assert.is(statistics(vgg.convs[4]!.bias!).farthest, 0);
});

test("initial values depend on seed and name, not on what else was drawn", () => {
  const values = (seed: number, name: string): number[] =>
    Array.from(new UNet({ width: 2, depth: 1 }).initialize(new RandomStreams(seed), name).head.weight.initialData());
  assert.equal(values(1, "SC"), values(1, "SC"));
  assert.not.equal(values(1, "SC"), values(2, "SC"));
  assert.not.equal(values(1, "SC"), values(1, "SM"));
});

test("without initialize no two layers of one shape, and no two networks, start alike", () => {
  const weights = [new UNet({ width: 2, depth: 2 }), new UNet({ width: 2, depth: 2 })].flatMap((net) =>
    net
      .parameters()
      .map((p) => Array.from(p.initialData()))
      .filter((data) => data.some((v) => v !== 0)),
  );
  assert.is(new Set(weights.map((data) => data.join())).size, weights.length);
  const [a, b] = [new RandomStream(), new RandomStream()];
  assert.is.not(a.key, b.key);
  const named = new UNet({ width: 2, depth: 1 }).initialize(new RandomStreams(1), "SC");
  const again = new UNet({ width: 2, depth: 1 }).initialize(new RandomStreams(1), "SC");
  assert.equal(named.head.weight.initialData(), again.head.weight.initialData());
});

test.run();
