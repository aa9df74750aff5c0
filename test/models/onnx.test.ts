// The ONNX export as a graph: which ops and weights it has, and that its file is what protocol buffers prescribe. No
// GPU is asked.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  RandomStreams,
  type Tensor,
  type Variable,
  add,
  arenaOf,
  conv2d,
  hostInput,
  input,
  leakyRelu,
  mean,
  pad,
  reshape,
  sub,
  sum,
} from "../../engine/index.ts";
import { writeOnnx } from "../../models/onnx/file.ts";
import { exportOnnx } from "../../models/onnx/export.ts";
import { type NamedForPyTorch, foreignNames } from "../../models/pytorch.ts";
import { UNet } from "../../models/unet.ts";

const test = suite("onnx graph");
const namesOf = (network: NamedForPyTorch): ReadonlyMap<Variable, string> =>
  new Map(foreignNames(network).map(({ variable, name }) => [variable, name]));
const small = (): UNet => new UNet({ width: 2, depth: 1 }).initialize(new RandomStreams(1));

test("norms, biases and layouts fold into the ops of PyTorch's export; a node's inputs come before it", () => {
  const net = small();
  const model = exportOnnx(
    ({ x }) => ({ logits: net.forward(x!).logits }),
    { x: [1, 8, 8, 1] },
    { names: namesOf(net) },
  );
  const block = ["Conv", "BatchNormalization", "Relu", "Conv", "BatchNormalization", "Relu"];
  assert.equal(
    model.nodes.map((n) => n.op),
    [...block, "MaxPool", ...block, "Resize", "Concat", ...block, "Conv"],
  );
  const known = new Set([...model.inputs, ...model.initializers].map((v) => v.name));
  for (const { op, inputs, outputs } of model.nodes) {
    for (const name of inputs) assert.ok(name === "" || known.has(name), `${op} reads ${name}`);
    for (const name of outputs) known.add(name);
  }
  assert.ok(known.has("logits"));
  assert.equal(model.inputs, [{ name: "x", type: "f32", shape: ["batch", 1, 8, 8] }]);
  assert.equal(model.nodes[0]!.inputs, ["x", "inc.conv.conv.0.weight", "inc.conv.conv.0.bias"]);
});

test("a filter stands as [K, C, R, S]", () => {
  const net = small();
  const model = exportOnnx(({ x }) => ({ y: net.forward(x!).logits }), { x: [1, 8, 8, 1] }, { names: namesOf(net) });
  const { weight } = net.down[0]!.conv1;
  const w = model.initializers.find((t) => t.name === "down1.mpconv.1.conv.0.weight")!;
  assert.equal(w.shape, [2, 2, 3, 3]);
  const ours = weight.initialData();
  for (let k = 0; k < 2; k++)
    for (let c = 0; c < 2; c++)
      for (let rs = 0; rs < 9; rs++) assert.is(w.data[(k * 2 + c) * 9 + rs], ours[(rs * 2 + c) * 2 + k]);
});

test("weights that an optimizer has gathered keep their own names and values", () => {
  const net = small();
  const values = new Map(net.parameters().map((v) => [v, Float32Array.from(v.initialData(), (w) => w + 1)]));
  arenaOf(net.parameters(), "arena");
  const model = exportOnnx(
    ({ x }) => ({ logits: net.forward(x!).logits }),
    { x: [1, 8, 8, 1] },
    { names: namesOf(net), values: (v) => values.get(v) ?? v.initialData() },
  );
  const bias = model.initializers.find((t) => t.name === "up1.conv.conv.3.bias")!;
  assert.equal(Array.from(bias.data), Array.from(values.get(net.up[0]!.conv2.bias!)!));
  assert.is(model.initializers.filter((t) => t.name.includes("arena")).length, 0);
});

test("the batch is free only where nothing depends on it", () => {
  const batchOf = (f: (x: Tensor) => Tensor): number | string =>
    exportOnnx(({ x }) => ({ y: f(x!) }), { x: [4, 6, 6, 2] }).inputs[0]!.shape[0]!;
  assert.is(
    batchOf((x) => leakyRelu(mean(x, [1, 2]))),
    "batch",
  );
  assert.is(
    batchOf((x) => sub(x, mean(x, [0]))),
    4,
  );
  assert.is(
    batchOf((x) => reshape(x, [2, x.size / 2])),
    4,
  );
  assert.is(
    batchOf((x) => sum(x)),
    "batch",
  );
});

test("what has no form in ONNX is one clear error", () => {
  const of = (f: (x: Tensor) => Tensor) => () => exportOnnx(({ x }) => ({ y: f(x!) }), { x: [1, 4, 4, 1] });
  assert.throws(
    of((x) =>
      pad(
        x,
        [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
        { mode: "circular" },
      ),
    ),
    /circular padding has no form in ONNX/,
  );
  assert.throws(
    of((x) =>
      add(
        x,
        hostInput("rate", [], () => [1]),
      ),
    ),
    /is no input and has no value|input of nothing has no form/,
  );
  assert.throws(
    of((x) => conv2d(x, input("w", [1, 1, 1, 1]))),
    /has no form|no input/,
  );
});

test("the file is protocol buffers, field by field", () => {
  const bytes = writeOnnx(
    {
      name: "g",
      opset: 18,
      initializers: [{ name: "w", type: "f32", shape: [1], data: [2] }],
      inputs: [{ name: "x", type: "f32", shape: ["n"] }],
      outputs: [{ name: "y", type: "f32", shape: [300] }],
      nodes: [
        { op: "Mul", inputs: ["x", "w"], outputs: ["y"], attributes: { a: -1, b: { float: 0.5 }, c: "s", d: [1, 2] } },
      ],
    },
    { name: "p", version: "1" },
  );
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  const node =
    "0a0178" +
    "0a0177" +
    "120179" +
    "1a054d756c3a79" +
    "22034d756c" +
    "2a11" +
    "0a0161" +
    "18ffffffffffffffffff01" +
    "a00102" +
    "2a0b" +
    "0a0162" +
    "150000003f" +
    "a00101" +
    "2a09" +
    "0a0163" +
    "220173" +
    "a00103" +
    "2a0a" +
    "0a0164" +
    "4001" +
    "4002" +
    "a00107";
  const length = (node.length / 2).toString(16);
  const graph = ["0a", length, node, "120167", "2a0d", "0801", "1001", "420177", "4a0400000040"].join("");
  assert.ok(hex.startsWith(["0808", "120170", "1a0131", "3a"].join("")), hex);
  assert.ok(hex.includes(graph), hex);
  assert.ok(hex.endsWith("42040a001012"), hex);
});

test.run();
