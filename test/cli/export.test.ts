// ONNX models run by onnxruntime beside our engine: the same numbers. Where the runtime cannot be loaded, that is
// said, not failed.
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
import {
  type Module,
  RandomStreams,
  type Shape,
  type Tensor,
  Variable,
  add,
  adaptiveAvgPool2d,
  avgPool2d,
  clamp,
  concat,
  conv2d,
  convTranspose2d,
  div,
  elu,
  exp,
  gelu,
  groupNorm,
  instanceNorm,
  layerNorm,
  leakyRelu,
  matmul,
  max,
  maxPool2d,
  mean,
  mul,
  pad,
  pow,
  prelu,
  relu,
  reshape,
  resize,
  sigmoid,
  slice,
  softmax,
  softplus,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
  variance,
  where,
  greater,
  flip,
} from "../../engine/index.ts";
import { writeOnnx } from "../../models/onnx/file.ts";
import { type OnnxOptions, exportOnnx } from "../../models/onnx/export.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict, toStateDict } from "../../models/pytorch.ts";
import { device, noise } from "../helpers/device.ts";

const test = suite("onnx");
type Runtime = typeof import("onnxruntime-web");
let runtime: Runtime | undefined;
test.before(async () => {
  try {
    runtime = await import("onnxruntime-web");
    runtime.env.wasm.numThreads = 1;
    runtime.env.logLevel = "error";
  } catch (error) {
    console.log(`onnxruntime-web cannot be loaded, so no exported model is run: ${String(error)}`);
  }
});

/** [N, H, W, C] as [N, C, H, W], and back; other ranks as they are. */
function turned(x: ArrayLike<number>, shape: Shape, toNchw: boolean): Float32Array {
  if (shape.length !== 4) return Float32Array.from(x);
  const [n, h, w, c] = shape as [number, number, number, number];
  const out = new Float32Array(x.length);
  for (let a = 0; a < n; a++)
    for (let y = 0; y < h * w; y++)
      for (let k = 0; k < c; k++) {
        const nhwc = (a * h * w + y) * c + k;
        const nchw = (a * c + k) * h * w + y;
        if (toNchw) out[nchw] = x[nhwc]!;
        else out[nhwc] = x[nchw]!;
      }
  return out;
}

type Outputs = Readonly<Record<string, Tensor>>;

const nchwOf = (shape: Shape): Shape => {
  const [n, h, w, c] = shape;
  return c === undefined ? shape : [n!, c, h!, w!];
};
const nhwcOf = (shape: Shape): Shape => {
  const [n, c, h, w] = shape;
  return w === undefined ? shape : [n!, h!, w, c!];
};

/** Exports f, runs it there and here on the same noise, and compares every output; gives the model. */
async function agrees<I extends string>(
  forward: (inputs: Readonly<Record<I, Tensor>>) => Outputs,
  inputs: Readonly<Record<I, Shape>>,
  { batch, tolerance = 1e-4, ...options }: OnnxOptions & { batch?: number; tolerance?: number } = {},
): Promise<ReturnType<typeof exportOnnx>> {
  const f = forward as (inputs: Outputs) => Outputs;
  const model = exportOnnx(f, inputs, options);
  if (!runtime) return model;
  const shapes = Object.fromEntries(
    Object.entries<Shape>(inputs).map(([name, [n, ...rest]]) => [name, [batch ?? n!, ...rest]]),
  );
  const data = Object.fromEntries(
    Object.entries(shapes).map(([name, s], i) => [
      name,
      noise(
        s.reduce((n, d) => n * d, 1),
        5 + i,
      ),
    ]),
  );
  const session = await runtime.InferenceSession.create(writeOnnx(model), { executionProviders: ["wasm"] });
  const feeds: Record<string, InstanceType<Runtime["Tensor"]>> = {};
  for (const [name, s] of Object.entries(shapes))
    feeds[name] = new runtime.Tensor("float32", turned(data[name]!, s, true), nchwOf(s));
  const there = await session.run(feeds);
  using program = await (await device()).compile(f, shapes);
  program.run(data);
  const here = await program.read();
  const wrong: string[] = [];
  for (const name of Object.keys(here)) {
    const mine = here[name] as Float32Array;
    const { dims, data: raw } = there[name]!;
    const theirs = turned(raw as Float32Array, nhwcOf(dims), false);
    let worst = theirs.length === mine.length ? 0 : Infinity;
    for (let i = 0; i < mine.length; i++)
      worst = Math.max(worst, Math.abs(mine[i]! - theirs[i]!) / Math.max(1, Math.abs(theirs[i]!)));
    if (!(worst <= tolerance)) wrong.push(`${name} differs by ${worst}`);
  }
  await session.release();
  assert.equal(wrong, []);
  return model;
}

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

const w = (shape: Shape, seed = 2): Tensor =>
  new Variable(
    shape,
    noise(
      shape.reduce((n, d) => n * d, 1),
      seed,
    ),
    { name: `w${shape.join("x")}` },
  ).value;
const cases: Record<string, readonly [Shape, (x: Tensor) => Tensor]> = {
  "convolution with stride, dilation, groups and uneven pads": [
    [1, 9, 8, 4],
    (x) => conv2d(x, w([3, 3, 2, 6]), { stride: [2, 1], dilation: [1, 2], groups: 2, pad: [1, 0, 2, 3], bias: w([6]) }),
  ],
  "convolution that crops": [[1, 9, 8, 2], (x) => conv2d(x, w([3, 3, 2, 3]), { pad: [-1, 1, -2, 0] })],
  "convolution with mirrored borders": [
    [1, 6, 5, 2],
    (x) => conv2d(x, w([3, 3, 2, 3]), { stride: 2, pad: [5, 0, 2, 4], padMode: "reflect", bias: w([3]) }),
  ],
  "convolution that mirrors and crops": [
    [1, 9, 8, 2],
    (x) => conv2d(x, w([3, 3, 2, 3]), { pad: [-1, 3, 2, -2], padMode: "reflect" }),
  ],
  "convolution by computed weights": [[1, 6, 6, 2], (x) => conv2d(x, mul(square(w([3, 3, 2, 3])), 0.5))],
  "transposed convolution with output padding and groups": [
    [1, 5, 4, 4],
    (x) => convTranspose2d(x, w([3, 3, 3, 4]), { stride: 2, pad: 1, outputPad: 1, groups: 2, bias: w([6]) }),
  ],
  "transposed convolution that grows": [
    [2, 5, 4, 2],
    (x) => convTranspose2d(x, w([4, 2, 3, 2]), { stride: [3, 2], pad: [0, 0, 1, 1] }),
  ],
  "max pool in ceil mode": [[1, 7, 7, 3], (x) => maxPool2d(x, { kernel: 3, stride: 2, pad: 1, ceilMode: true })],
  "average pool without padding counted": [
    [1, 7, 7, 3],
    (x) => avgPool2d(x, { kernel: 3, stride: 2, pad: 1, countIncludePad: false }),
  ],
  "average pool by a divisor": [[1, 6, 6, 3], (x) => avgPool2d(x, { kernel: 2, divisorOverride: 3 })],
  "adaptive pools": [
    [2, 8, 6, 3],
    (x) => mul(adaptiveAvgPool2d(x, [4, 3]), mean(adaptiveAvgPool2d(x, 1), [1, 2], { keepDims: true })),
  ],
  "nearest resize by any ratio": [[1, 5, 7, 2], (x) => resize(x, [12, 14], { mode: "nearest" })],
  "bilinear resize of both kinds": [
    [1, 5, 7, 2],
    (x) => resize(resize(x, [11, 6], { mode: "bilinear" }), [7, 9], { mode: "bilinear", alignCorners: true }),
  ],
  "pads of each mode": [
    [1, 5, 6, 2],
    (x) =>
      pad(
        pad(
          pad(
            x,
            [
              [0, 0],
              [1, 2],
              [3, 0],
              [0, 0],
            ],
            { mode: "reflect" },
          ),
          [
            [0, 0],
            [1, 0],
            [0, 1],
            [0, 0],
          ],
          { mode: "replicate" },
        ),
        [
          [0, 0],
          [0, 1],
          [1, 1],
          [1, 2],
        ],
        { value: 0 },
      ),
  ],
  "constant pad of another value": [
    [1, 5, 6, 2],
    (x) =>
      pad(
        x,
        [
          [0, 0],
          [1, 2],
          [3, 0],
          [0, 0],
        ],
        { value: 1.5 },
      ),
  ],
  "slices, flips and joins along every axis": [
    [2, 5, 6, 3],
    (x) =>
      concat(
        [slice(x, [null, [1, 4], [5, 0, -2], [0, 2]]), flip(slice(x, [null, [0, 3], [0, 3], [1, 3]]), [1, 2, 3])],
        3,
      ),
  ],
  "transposes and reshapes through other ranks": [
    [2, 4, 6, 3],
    (x) => reshape(transpose(reshape(transpose(x, [0, 3, 1, 2]), [2, 3, 24]), [0, 2, 1]), [2, 6, 4, 3]),
  ],
  "matrix products with transposes": [[3, 5], (x) => matmul(matmul(x, w([4, 5]), { transposeB: true }), w([3, 4, 6]))],
  "softmax over channels and space": [[1, 4, 4, 3], (x) => add(softmax(x, 3), softmax(x, 1))],
  "norms of every kind": [
    [2, 6, 5, 4],
    (x) =>
      add(
        add(groupNorm(x, 2, { weight: w([4]), bias: w([4], 3) }), layerNorm(x, 3)),
        instanceNorm(x, { weight: w([4]), bias: w([4], 3) }),
      ),
  ],
  reductions: [[2, 3, 4, 5], (x) => add(max(x, [1, 3]), mul(sum(x, [1, 3]), variance(x, [1, 3])))],
  "sizes of 1 that come and go": [
    [2, 1, 1, 5],
    (x) => reshape(mul(reshape(x, [2, 5]), reshape(sum(reshape(x, [1, 2, 5]), [1]), [5])), [2, 5, 1, 1]),
  ],
  "a scalar": [[2, 3, 4, 5], (x) => mean(square(x))],
  activations: [
    [2, 3, 4, 5],
    (x) =>
      add(
        add(add(leakyRelu(x, 0.2), elu(x)), add(gelu(x), softplus(x))),
        add(prelu(x, w([5])), clamp(x, { min: -0.3, max: 0.5 })),
      ),
  ],
  "arithmetic, comparisons and constants": [
    [2, 3, 4, 5],
    (x) => where(greater(x, 0.1), div(1, add(square(x), 1)), sub(tanh(exp(relu(x))), pow(add(square(x), 0.5), 1.5))),
  ],
  "broadcasts both ways": [[1, 3, 1, 5], (x) => mul(add(x, w([2, 1, 4, 1])), stopGradient(w([5])))],
};
test("every op that has a form in ONNX means the same there", async () => {
  const list = Object.entries(cases);
  await agrees(
    (inputs) => Object.fromEntries(list.map(([name, [, f]], i) => [name, f(inputs[`x${i}`]!)])),
    Object.fromEntries(list.map(([, [shape]], i) => [`x${i}`, shape])),
    { tolerance: 2e-5 },
  );
});

test.run();
