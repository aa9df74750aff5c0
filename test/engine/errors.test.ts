// Each op of arithmetic, reduction, norm, product, convolution and loss refuses wrong shapes and dtypes with a
// sentence that says which op, what it got and what it takes. Needs no device.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as engine from "../../engine/index.ts";
import { type DType, ShapeError, type Tensor, input } from "../../engine/index.ts";
import * as losses from "../../losses/index.ts";

const test = suite("errors");
const t = (...shape: number[]): Tensor => input("x", shape);
const of = (dtype: DType, ...shape: number[]): Tensor => input("x", shape, dtype);

/** The error must be typed, and begin with its op's name. */
function says(f: () => unknown, message: string): void {
  try {
    f();
  } catch (error) {
    assert.instance(error, ShapeError);
    assert.ok((error as Error).message.includes(message), `"${(error as Error).message}" does not say "${message}"`);
    return;
  }
  assert.unreachable(`no error: ${message}`);
}

const unary = {
  exp: "exp",
  expm1: "expm1",
  log: "log",
  log1p: "log1p",
  sqrt: "sqrt",
  rsqrt: "rsqrt",
  reciprocal: "reciprocal",
  sin: "sin",
  cos: "cos",
  atan: "atan",
  tanh: "tanh",
  sigmoid: "sigmoid",
  erf: "erf",
  erfc: "erfc",
  softplus: "softplus",
  leakyRelu: "leakyRelu",
  selu: "elu",
  elu: "elu",
  silu: "sigmoid",
} as const;
for (const [name, op] of Object.entries(unary)) {
  test(`${name} of whole numbers asks for a cast`, () =>
    says(() => engine[name as keyof typeof unary](of("i32", 3)), `${op}: x is i32[3]; cast it to f32`));
}
for (const [name, f] of Object.entries({
  abs: engine.abs,
  neg: engine.neg,
  sign: engine.sign,
  square: engine.square,
  relu: engine.relu,
  floor: engine.floor,
  ceil: engine.ceil,
  round: engine.round,
})) {
  test(`${name} of truth values asks for a cast`, () =>
    says(() => f(of("bool", 3)), `${name}: x is bool[3]; cast it to f32 or i32`));
}
test("signs of u32 do not exist", () => {
  says(() => engine.neg(of("u32", 3)), "neg: x is u32[3]; cast it to f32");
  says(() => engine.sign(of("u32", 3)), "sign: x is u32[3]");
});

const binary = {
  add: "add",
  sub: "sub",
  mul: "mul",
  div: "div",
  pow: "pow",
  maximum: "maximum",
  minimum: "minimum",
  prelu: "prelu",
  equal: "equal",
  notEqual: "not-equal",
  less: "less",
  lessEqual: "less-equal",
  greater: "greater",
  greaterEqual: "greater-equal",
} as const;
for (const [name, op] of Object.entries(binary)) {
  const f = engine[name as keyof typeof binary];
  test(`${name} names the dimension that does not broadcast`, () => {
    says(
      () => f(t(2, 3), t(2, 4)),
      `${op}: shapes [2, 3] and [2, 4] do not broadcast: dimension -1 is 3 against 4; they must be equal or 1`,
    );
    // A power of mixed types has a type: PyTorch's (edges.test.ts).
    if (name !== "pow") says(() => f(t(3), of("i32", 3)), `${op}: operands are f32 and i32; cast one of them`);
  });
}
test("where wants a bool tensor and shapes that broadcast", () => {
  says(() => engine.where(t(2), t(2), t(2)), "where: the condition is f32[2]; it must be a bool tensor");
  says(() => engine.where(of("bool", 3), t(2), t(2)), "where: shapes [3] and [2] do not broadcast");
});
test("clamp, gelu, softsign and logSigmoid of truth values or whole numbers ask for a cast", () => {
  says(() => engine.clamp(of("bool", 2), { min: 0 }), "maximum: x is bool[2]");
  says(() => engine.gelu(of("i32", 2)), "erfc: x is i32[2]");
  says(() => engine.logSigmoid(of("i32", 2)), "softplus: x is i32[2]");
  says(() => engine.softsign(of("bool", 2)), "abs: x is bool[2]");
});

test("reductions name an axis outside the tensor, an axis named twice, and an empty extreme", () => {
  for (const f of [
    engine.sum,
    engine.mean,
    engine.max,
    engine.min,
    engine.prod,
    engine.variance,
    engine.std,
    engine.norm2,
    engine.logSumExp,
  ]) {
    says(() => f(t(2, 3), 2), ": axis 2 is outside a tensor of rank 2; use -2 … 1");
    says(() => f(t(2, 3), [0, -2]), "axes [0, 0] name a dimension twice");
  }
  says(() => engine.max(t(2, 0), 1), "reduce-max: [2, 0] is empty along axes [1], and an empty set has no max");
  says(() => engine.sum(of("bool", 2)), "reduce-sum: x is bool[2]; cast it to i32 or f32");
  says(() => engine.mean(of("i32", 2)), "mean: x is i32[2]; cast it to f32");
  says(() => engine.moments(of("i32", 2), 0), "moments: x is i32[2]; cast it to f32");
  says(() => engine.softmax(t(2, 3), 2), "softmax: axis 2 is outside a tensor of rank 2");
  says(() => engine.logSoftmax(t(2, 3), -3), "logSoftmax: axis -3 is outside a tensor of rank 2");
});

test("norms name the channels that their parameters must match", () => {
  says(() => engine.instanceNorm(t(2, 3)), "instanceNorm: x is [2, 3]; it must be [N, …, C] with space between");
  says(
    () => engine.instanceNorm(t(2, 4, 4, 3), { weight: t(4) }),
    "instanceNorm: weight is [4]; with C = 3 it must be [3]",
  );
  says(() => engine.batchNorm(t(3)), "batchNorm: x is [3]; it must be [N, …, C]");
  says(() => engine.batchNorm(t(2, 4, 4, 3), { bias: t(1) }), "batchNorm: bias is [1]; with C = 3 it must be [3]");
  says(() => engine.groupNorm(t(2, 4, 4, 6), 4), "groupNorm: C = 6 channels do not split into 4 groups");
  says(() => engine.layerNorm(t(2, 3), 3), "layerNorm: 3 axes of x [2, 3] can't be normalised; use 1 … 2");
  says(
    () => engine.layerNorm(t(2, 3), 1, { weight: t(2) }),
    "layerNorm: weight is [2]; with x [2, 3] and 1 axes it must be [3]",
  );
  says(() => engine.cosineSimilarity(t(2, 3), t(2, 4)), "cosineSimilarity: shapes [2, 3] and [2, 4] do not broadcast");
  says(() => engine.unitLength(t(2, 3), 2), "axis 2 is outside a tensor of rank 2");
});

test("products name the K that differs", () => {
  says(
    () => engine.matmul(t(2, 3), t(4, 5)),
    "matmul: a [2, 3] has K = 3 along its columns, b [4, 5] has K = 4 along its rows; they must be equal",
  );
  says(() => engine.linear(t(2, 3), t(4, 5)), "linear: x [2, 3] must end in I = 4 features");
});

test("convolutions name the channels, the groups and the room that is missing", () => {
  says(
    () => engine.conv2d(t(1, 8, 8, 3), t(3, 3, 4, 8)),
    "conv2d: x [1, 8, 8, 3] has C = 3 channels, w [3, 3, 4, 8] takes 4; w should be [3, 3, 3, 8]",
  );
  says(
    () => engine.conv2d(t(1, 2, 8, 3), t(3, 3, 3, 8)),
    "conv2d: H = 2 with padding 0 + 0 is 2 long, the filter reaches over 3",
  );
  says(
    () => engine.conv2d(t(1, 8, 8, 3), t(3, 3, 1, 8), { groups: 2 }),
    "conv2d: C = 3 channels do not split into 2 groups",
  );
  says(
    () => engine.convTranspose2d(t(1, 4, 4, 3), t(3, 3, 8, 4)),
    "convTranspose2d: x [1, 4, 4, 3] has Cin = 3 channels, w [3, 3, 8, 4] takes 4",
  );
  says(
    () => engine.convTranspose2d(t(1, 1, 1, 3), t(1, 1, 8, 3), { pad: 1 }),
    "convTranspose2d: x [1, 1, 1, 3] and w [1, 1, 8, 3] make an image of -1 × -1",
  );
});

test("losses name shapes that differ, labels that are none, and weights of another length", () => {
  const elementwise = {
    mseLoss: losses.mseLoss,
    l1Loss: losses.l1Loss,
    smoothL1Loss: losses.smoothL1Loss,
    bceLoss: losses.bceLoss,
    bceWithLogits: losses.bceWithLogits,
    klDivergence: losses.klDivergence,
    softDiceLoss: losses.softDiceLoss,
  };
  for (const [name, f] of Object.entries(elementwise))
    says(() => f(t(2, 3), t(3)), `${name}: x is [2, 3], target [3]; they must be of one shape`);
  says(() => losses.smoothL1Loss(t(2), t(2), { beta: -1 }), "smoothL1Loss: beta is -1; it must be ≥ 0");
  says(
    () => losses.nllLoss(t(2, 4, 3), of("i32", 2, 3)),
    "nllLoss: labels are [2, 3]; for x [2, 4, 3] with its 3 classes along axis 2 they must be [2, 4]",
  );
  says(() => losses.nllLoss(t(2, 3), t(2)), "nllLoss: labels are f32; cast them to i32");
  says(
    () => losses.nllLoss(t(2, 3), of("i32", 2), { weight: t(2) }),
    "nllLoss: weight is [2]; with 3 classes it must be [3]",
  );
  says(
    () => losses.crossEntropyLoss(t(2, 3), of("i32", 3)),
    "crossEntropyLoss: labels are [3]; for x [2, 3] with its 3 classes along axis 1 they must be [2]",
  );
  says(
    () => losses.crossEntropyLoss(t(2, 3), t(2, 3), { weight: t(4) }),
    "crossEntropyLoss: weight is [4]; with 3 classes it must be [3]",
  );
});

test("adam wants flat arenas", () => {
  const a = { beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0 };
  says(
    () => engine.adamStep(t(5), t(1), t(4), [t(5), t(5), t(5)], a),
    "adam: p [5] and g [5] must be flat, equally long and a multiple of 4",
  );
  says(
    () => engine.adamStep(t(8), t(1), t(2), [t(8), t(8), t(8)], a),
    "adam: rate [1] and control [2] must hold 1 and 4 numbers at least",
  );
});

test.run();
