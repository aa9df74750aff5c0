// Networks as `cmedl export` makes ONNX of them, run by onnxruntime beside our engine: the same graph, names and
// numbers.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BatchNorm2d, modulesOf } from "../../models/blocks.ts";
import { modelRows } from "../../cli/models.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { ContentDiscriminator, MultiScaleDiscriminator } from "../../models/drit-discriminators.ts";
import { ContentEncoder, StyleEncoder, StyleGenerator } from "../../models/drit.ts";
import { networkFor, runnable } from "../../models/from-state-dict.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { PatchDiscriminator } from "../../models/patch-discriminator.ts";
import { ResnetGenerator } from "../../models/resnet-generator.ts";
import { AlphaNetwork } from "../../models/resnet18.ts";
import { UNet } from "../../models/unet.ts";
import { Vgg } from "../../models/vgg.ts";
import { type Module, RandomStreams, type Variable, sigmoid } from "../../engine/index.ts";
import type { exportOnnx } from "../../models/onnx/export.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict, toStateDict } from "../../models/pytorch.ts";
import { noise } from "../helpers/device.ts";
import { agrees, loadRuntime } from "../helpers/onnxruntime.ts";

const test = suite("onnx");
test.before(loadRuntime);

/** Weights from a seed, and running statistics that are not those of the start. */
function filled<M extends Module>(network: M): M {
  network.initialize(new RandomStreams(3));
  for (const layer of modulesOf(network).values()) {
    if (!(layer instanceof BatchNorm2d)) continue;
    layer.runningMean.setInitial(noise(layer.runningMean.size, 8, 0.3));
    layer.runningVariance.setInitial(noise(layer.runningVariance.size, 9, 0.4).map((v) => v + 1));
  }
  return network;
}
const namesOf = (network: NamedForPyTorch): ReadonlyMap<Variable, string> =>
  new Map(foreignNames(network).map(({ variable, name }) => [variable, name]));
const opsOf = (model: ReturnType<typeof exportOnnx>): string[] => [...new Set(model.nodes.map((n) => n.op))].sort();

test("U-Net is the graph that PyTorch's own export has, and gives our logits at any batch", async () => {
  const net = filled(new UNet({ width: 4 }));
  const model = await agrees(
    ({ x }) => ({ logits: net.forward(x).logits }),
    { x: [1, 32, 32, 1] },
    { names: namesOf(net), batch: 2 },
  );
  assert.equal(opsOf(model), ["BatchNormalization", "Concat", "Conv", "MaxPool", "Relu", "Resize"]);
  assert.is(model.nodes.length, 19 + 18 + 18 + 4 + 4 + 4);
  assert.equal(model.inputs[0]!.shape, ["batch", 1, 32, 32]);
  const names = model.initializers.map((t) => t.name);
  for (const name of namesOf(net).values()) assert.ok(names.includes(name), name);
  assert.equal(model.initializers.find((t) => t.name === "down1.mpconv.1.conv.0.weight")!.shape, [8, 4, 3, 3]);
});

test("the generator too, features and several outputs included", async () => {
  const net = filled(new ResnetGenerator({ width: 4, blocks: 1 }));
  const model = await agrees(
    ({ x }) => ({ image: net.forward(x) }),
    { x: [1, 16, 16, 1] },
    { names: namesOf(net), batch: 3 },
  );
  assert.equal(opsOf(model), ["Add", "Conv", "ConvTranspose", "InstanceNormalization", "Pad", "Relu", "Tanh"]);
  const unet = filled(new UNet({ width: 4, depth: 2 }));
  await agrees(
    ({ x }) => {
      const { logits, features } = unet.forward(x);
      return { probability: sigmoid(logits), coarse: features[0]!, fine: features[1]! };
    },
    { x: [1, 16, 16, 1] },
  );
});

test("the discriminator, the perceptual trunk and the other networks agree as well", async () => {
  const judge = filled(new PatchDiscriminator({ width: 4 }));
  const vgg = filled(new Vgg({ width: 2 }));
  const alpha = filled(new AlphaNetwork({ width: 2 }));
  const mrrn = filled(new Mrrn({ width: 2, units: 1 }));
  const dense = filled(new DenseFcn({ width: 4, growth: 2, layers: 1, depth: 2 }));
  const model = await agrees(
    ({ x, pair }) => ({
      judgement: judge.forward(x),
      ...Object.fromEntries(vgg.forward(x).map((t, i) => [vgg.taps[i]!, t])),
      alpha: alpha.forward(pair),
      mrrn: mrrn.forward(x).logits,
      dense: dense.forward(x).logits,
    }),
    { x: [1, 32, 32, 1], pair: [1, 32, 32, 2] },
    { batch: 2 },
  );
  assert.equal(model.outputs.find((o) => o.name === "alpha")!.shape, ["batch", 1]);
});

/**
 * A small one of every network that `cmedl models` lists, and the size of its images: the content discriminator needs
 * codes of 53 × 53.
 */
const zoo: Readonly<Record<string, readonly [() => NamedForPyTorch, number]>> = {
  unet: [() => new UNet({ width: 2, depth: 2 }), 16],
  "dense-fcn": [() => new DenseFcn({ width: 4, growth: 2, layers: 1, depth: 2 }), 16],
  mrrn: [() => new Mrrn({ width: 2, units: 1 }), 32],
  "resnet-generator": [() => new ResnetGenerator({ width: 2, blocks: 1 }), 16],
  "patch-discriminator": [() => new PatchDiscriminator({ width: 2 }), 32],
  vgg19: [() => new Vgg({ width: 2 }), 32],
  vgg16: [() => new Vgg({ layers: 16, width: 2 }), 32],
  "alpha-network": [() => new AlphaNetwork({ width: 2 }), 32],
  "drit-content-encoder": [() => new ContentEncoder({ width: 2, blocks: 1 }), 16],
  "drit-style-encoder": [() => new StyleEncoder({ width: 2 }), 32],
  "drit-generator": [() => new StyleGenerator({ width: 4, blocks: 2 }), 16],
  "drit-discriminator": [() => new MultiScaleDiscriminator({ width: 2, layers: 2 }), 32],
  "drit-content-discriminator": [() => new ContentDiscriminator({ channels: 4 }), 212],
};
for (const { name } of modelRows(32)) {
  test(`${name} exports as \`cmedl export\` builds it from its state dict, at any batch`, async () => {
    const [make, size] = zoo[name]!;
    const trained = filled(make());
    const { network, inputs, forward } = networkFor(
      name,
      toStateDict(trained, (v) => v.initialData()),
    );
    loadStateDict(
      network,
      toStateDict(trained, (v) => v.initialData()),
    );
    const model = await agrees(forward, inputs(size), { names: namesOf(network), batch: 2 });
    for (const { shape } of [...model.inputs, ...model.outputs]) assert.is(shape[0], "batch");
    const again = runnable(trained);
    assert.equal(again.inputs(size), inputs(size));
    assert.equal(
      foreignNames(again.network).map((f) => f.name),
      foreignNames(network).map((f) => f.name),
    );
  });
}

test("DRIT translates CT to MR in a style that is an input", async () => {
  const Ec = filled(new ContentEncoder({ width: 4, blocks: 1 }));
  const Es = filled(new StyleEncoder({ width: 4 }));
  const G = filled(new StyleGenerator({ width: 4, blocks: 2 }));
  const model = await agrees(
    ({ ct, style }) => ({ pM: G.forward(Ec.forward(ct, "a"), style, "b") }),
    { ct: [1, 32, 32, 1], style: [1, 8] },
    { batch: 3 },
  );
  assert.equal(
    model.inputs.map((i) => i.shape),
    [
      ["batch", 1, 32, 32],
      ["batch", 8],
    ],
  );
  // Or in the mean style of an MR image.
  await agrees(
    ({ ct, mr }) => ({ pM: G.forward(Ec.forward(ct, "a"), Es.forward(mr, "b").mu, "b") }),
    { ct: [1, 32, 32, 1], mr: [1, 32, 32, 1] },
    { batch: 2 },
  );
});

test.run();
