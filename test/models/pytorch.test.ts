import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStreams } from "../../engine/index.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { ContentDiscriminator, MultiScaleDiscriminator } from "../../models/drit-discriminators.ts";
import { ContentEncoder, StyleEncoder, StyleGenerator } from "../../models/drit.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { PatchDiscriminator } from "../../models/patch-discriminator.ts";
import {
  type ForeignTensor,
  type NamedForPyTorch,
  StateDictError,
  foreignNames,
  fromStateDict,
  loadStateDict,
  permuted,
  toStateDict,
} from "../../models/pytorch.ts";
import { AlphaNetwork } from "../../models/resnet18.ts";
import { ResnetGenerator } from "../../models/resnet-generator.ts";
import { UNet } from "../../models/unet.ts";
import { Vgg19, tapsWithin } from "../../models/vgg.ts";

const test = suite("pytorch");

const initial = (v: { initialData(): ArrayLike<number> }): ArrayLike<number> => v.initialData();
const namesOf = (network: NamedForPyTorch): string[] => foreignNames(network).map((f) => f.name);

test("permuted moves every element to its place", () => {
  // [2, 3, 1, 2] with element value = 100a + 10b + d.
  const x = Float32Array.from(
    { length: 12 },
    (_, i) => 100 * Math.floor(i / 6) + 10 * (Math.floor(i / 2) % 3) + (i % 2),
  );
  const y = permuted(x, [2, 3, 1, 2], [3, 2, 1, 0]);
  for (let d = 0; d < 2; d++)
    for (let b = 0; b < 3; b++) for (let a = 0; a < 2; a++) assert.is(y[(d * 3 + b) * 2 + a], 100 * a + 10 * b + d);
});

test("U-Net's names are the reference's", () => {
  const names = namesOf(new UNet({ width: 2 }));
  assert.is(names.length, 18 * 6 + 2);
  for (const n of [
    "inc.conv.conv.0.weight",
    "down1.mpconv.1.conv.1.running_mean",
    "down4.mpconv.1.conv.4.running_var",
    "up1.conv.conv.3.bias",
    "up4.conv.conv.4.weight",
    "outc.conv.bias",
  ]) {
    assert.ok(names.includes(n), n);
  }
});

test("the generator's names are numbered as CycleGAN's, for any number of blocks", () => {
  const names = namesOf(new ResnetGenerator({ width: 2 }));
  for (const n of [
    "model.1.weight",
    "model.7.bias",
    "model.10.conv_block.1.weight",
    "model.18.conv_block.5.bias",
    "model.19.weight",
    "model.22.bias",
    "model.26.weight",
  ])
    assert.ok(names.includes(n), n);
  assert.is(namesOf(new ResnetGenerator({ width: 2, blocks: 6 })).at(-1), "model.23.bias");
});

test("PatchGAN's names are numbered as CycleGAN's", () => {
  assert.equal(
    namesOf(new PatchDiscriminator({ width: 2 })).filter((n) => n.endsWith("weight")),
    [0, 2, 5, 8, 11].map((i) => `model.${i}.weight`),
  );
});

test("VGG19's names are torchvision's", () => {
  assert.equal(
    namesOf(new Vgg19({ width: 2 })).filter((n) => n.endsWith("weight")),
    [0, 2, 5, 7, 10, 12, 14, 16, 19].map((i) => `features.${i}.weight`),
  );
});

test("the names of the other networks are the references'", () => {
  const has = (network: NamedForPyTorch, ...names: string[]): void => {
    const held = namesOf(network);
    assert.is(new Set(held).size, held.length, "no name twice");
    assert.equal(
      names.filter((n) => !held.includes(n)),
      [],
    );
  };
  has(
    new DenseFcn({ width: 4, growth: 2 }),
    "firstconv.bias",
    "denseBlocksDown.4.layers.3.norm.running_var",
    "transDownBlocks.0.conv.weight",
    "bottleneck.bottleneck.layers.0.conv.bias",
    "transUpBlocks.4.convTrans.weight",
    "denseBlocksUp.4.layers.3.conv.weight",
    "finalConv.weight",
  );
  has(
    new Mrrn({ width: 2 }),
    "CNN_block1.conv1.weight",
    "RU3.unit.norm1.running_mean",
    "RU33.unit.conv1.bias",
    "Residual_stream1.0.bias",
    "FRRU4_5.cnn_block.3.weight",
    "FRRU33_4.cnn_block.4.bias",
    "FRRU11_3.channel_adjust.weight",
    "CNN_block2.norm1.bias",
    "out_conv.bias",
  );
  has(
    new AlphaNetwork({ width: 2 }),
    "conv1.weight",
    "bn1.running_var",
    "layer1.1.bn2.bias",
    "layer4.0.downsample.0.weight",
    "layer2.0.downsample.1.running_mean",
    "fc2.bias",
  );
  has(
    new ContentEncoder({ width: 2 }),
    "convA.0.model.1.weight",
    "convB.5.model.5.bias",
    "conv_share.0.model.1.weight",
  );
  has(
    new StyleEncoder({ width: 2 }),
    "conv_B.4.conv.4.1.weight",
    "conv_A.2.shortcut.1.bias",
    "fcVar_B.0.weight",
    "fc_A.0.bias",
    "conv_A.1.weight",
  );
  has(
    new StyleGenerator({ width: 2 }),
    "dec_share.0.model.5.weight",
    "decA1.2.model.1.bias",
    "decB2.0.model.0.weight",
    "decB3.0.model.1.bias",
    "decA4.0.weight",
  );
  has(new MultiScaleDiscriminator({ width: 2 }), "Diss.0.0.model.1.weight", "Diss.2.4.bias");
  has(new ContentDiscriminator({ channels: 2 }), "model.0.model.1.bias", "model.3.model.1.weight", "model.4.bias");
});

test("a transposed convolution is [in, out, kh, kw] there and [kh, kw, out, in] here", () => {
  const up = foreignNames(new ResnetGenerator({ width: 3 })).find((f) => f.path === "up1.weight")!;
  assert.equal(up.shape, [12, 6, 3, 3]);
  assert.equal(up.variable.shape, [3, 3, 6, 12]);
});

test("a state dict goes out and comes back unchanged", () => {
  for (const make of [
    () => new UNet({ width: 2 }),
    () => new ResnetGenerator({ width: 2, blocks: 2 }),
    () => new PatchDiscriminator({ width: 2 }),
    () => new Vgg19({ width: 2 }),
    () => new Vgg19({ layers: 16, width: 2 }),
    () => new DenseFcn({ width: 4, growth: 2 }),
    () => new Mrrn({ width: 2 }),
    () => new AlphaNetwork({ width: 2 }),
    () => new ContentEncoder({ width: 2 }),
    () => new StyleEncoder({ width: 2 }),
    () => new StyleGenerator({ width: 2, blocks: 6 }),
    () => new MultiScaleDiscriminator({ width: 2 }),
    () => new ContentDiscriminator({ channels: 2 }),
  ]) {
    const from: NamedForPyTorch = make();
    const to: NamedForPyTorch = make();
    from.initialize(new RandomStreams(5));
    const dict = toStateDict(from, initial);
    loadStateDict(to, dict);
    const values = [...to.variables()];
    for (const [path, v] of from.variables())
      assert.equal(
        [...Array.from(v.initialData())],
        [...Array.from(values.find(([p]) => p === path)![1].initialData())],
        path,
      );
  }
});

/** The dict of a narrow PatchGAN with one thing changed, and what loading it says. */
function said(
  change: (dict: Map<string, ForeignTensor>) => void,
  network: NamedForPyTorch = new PatchDiscriminator({ width: 2 }),
): string {
  const dict = new Map<string, ForeignTensor>(toStateDict(network, initial));
  change(dict);
  try {
    fromStateDict(network, dict);
  } catch (error) {
    assert.instance(error, StateDictError);
    return (error as Error).message;
  }
  return "accepted";
}

test("missing, surplus, misshapen and non-finite tensors are one error that names them", () => {
  assert.is(
    said((d) => {
      d.delete("model.2.bias");
      d.set("model.99.weight", { shape: [1], data: [0] });
      d.set("model.5.bias", { shape: [9], data: new Float32Array(9) });
      d.set("model.8.bias", { shape: [16], data: Float32Array.of(NaN, Infinity, ...new Array(14).fill(0)) });
    }),
    "the weights are not those of this network: missing model.2.bias; surplus model.99.weight; " +
      "model.5.bias is [9], needed is [8]; model.8.bias has 2 non-finite values of 16",
  );
});

test("many names are counted, and names from a file are printed plain", () => {
  assert.match(
    said((d) => d.clear()),
    /missing model\.0\.weight, model\.0\.bias, .* and 5 more$/,
  );
  assert.match(
    said((d) => d.set("\u001b[31m<b>", { shape: [], data: [0] })),
    /surplus \?\[31m\?b\?$/,
  );
});

test("batch norm's step counters and VGG19's deeper layers are left", () => {
  assert.is(
    said(
      (d) => d.set("inc.conv.conv.1.num_batches_tracked", { shape: [], data: [3] }),
      new UNet({ width: 2, depth: 1 }),
    ),
    "accepted",
  );
  assert.is(
    said(
      (d) => d.set("features.21.weight", { shape: [1], data: [3] }).set("classifier.0.bias", { shape: [1], data: [3] }),
      new Vgg19({ width: 2 }),
    ),
    "accepted",
  );
  assert.match(
    said((d) => d.set("features.4.weight", { shape: [1], data: [3] }), new Vgg19({ width: 2 })),
    /surplus features\.4\.weight/,
  );
});

test("running averages that PyTorch kept for instance norms before 0.4 are left, those of batch norms are not", () => {
  const average = { shape: [2], data: [0, 0] };
  const withAverages = (layer: string) => (dict: Map<string, ForeignTensor>) => {
    dict.set(`${layer}.running_mean`, average).set(`${layer}.running_var`, average);
  };
  assert.is(said(withAverages("model.2"), new ResnetGenerator({ width: 2, blocks: 1 })), "accepted");
  assert.is(said(withAverages("model.3")), "accepted");
  assert.match(said(withAverages("model.0")), /surplus model\.0\.running_mean, model\.0\.running_var/);
  assert.match(
    said((dict) => dict.delete("inc.conv.conv.1.running_mean"), new UNet({ width: 1 })),
    /missing inc/,
  );
});

test("the taps that a shortened file reaches are found", () => {
  const names = [0, 2, 5, 7, 10, 12, 14, 16].flatMap((i) => [`features.${i}.weight`, `features.${i}.bias`]);
  assert.equal(tapsWithin(names), ["conv3_3", "conv3_4"]);
  assert.equal(tapsWithin([]), []);
});

test.run();
