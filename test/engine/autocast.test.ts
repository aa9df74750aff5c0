// Autocast: which tensors become half precision, which stay, and what devices without it are told.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  LimitExceededError,
  Variable,
  autocast,
  batchNorm,
  concat,
  conv2d,
  convTranspose2d,
  grad,
  linear,
  matmul,
  maxPool2d,
  mean,
  mul,
  prelu,
  relu,
  softmax,
  sum,
} from "../../engine/index.ts";
import { mseLoss } from "../../losses/index.ts";
import { input } from "../../engine/constant.ts";
import { ancestors } from "../../engine/ancestors.ts";
import { simplify } from "../../engine/fuse/simplify.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("autocast");
const x = input("x", [2, 8, 8, 4]);
const w = input("w", [3, 3, 4, 8]);
const b = input("b", [8]);

test("products are of half precision inside, of their operands' dtype outside", () => {
  const dtypes = () =>
    [
      conv2d(x, w),
      convTranspose2d(x, input("w", [2, 2, 3, 4]), { stride: 2 }),
      matmul(x, input("m", [4, 3])),
      linear(x, input("m", [4, 3]), input("b", [3])),
    ].map((t) => t.dtype);
  assert.equal(autocast("f16", dtypes), ["f16", "f16", "f16", "f16"]);
  assert.equal(dtypes(), ["f32", "f32", "f32", "f32"]);
  assert.equal(
    autocast("f16", () => autocast("f32", dtypes)),
    ["f32", "f32", "f32", "f32"],
  );
  try {
    autocast("f16", () => {
      throw new Error("inside");
    });
  } catch {
    /* it must not stay on */
  }
  assert.is(conv2d(x, w).dtype, "f32");
});

test("layers keep half precision; statistics, reductions, softmax and losses are f32", () => {
  const y = autocast("f16", () => conv2d(x, w, { bias: b, pad: 1 }));
  const n = batchNorm(y, { weight: b, bias: b });
  for (const t of [y, n.y, relu(n.y), maxPool2d(y, { kernel: 2 }), prelu(y, b), concat([y, y], 3)])
    assert.is(t.dtype, "f16");
  for (const t of [
    n.mean,
    n.variance,
    sum(y),
    mean(y, 1),
    softmax(y),
    mseLoss(y, y),
    mul(y, b),
    concat([y, input("z", y.shape)], 3),
  ])
    assert.is(t.dtype, "f32", `${t}`);
});

test("gradients are of their tensor's dtype, and f32 from an f16 convolution to an f32 parameter", () => {
  const y = autocast("f16", () => conv2d(x, w, { bias: b }));
  const [dx, dw, db, dy] = grad(mean(mul(y, y)), [x, w, b, y]);
  assert.equal(
    [dx, dw, db, dy].map((t) => t.dtype),
    ["f32", "f32", "f32", "f16"],
  );
  // No f16 between the weight gradient's kernel and its parameter.
  assert.is(dw.node.op.name, "conv2d-weight-grad");
});

test("a weight that two layers use is cast once", () => {
  const v = input("v", [3, 3, 4, 4]);
  const y = autocast("f16", () => conv2d(conv2d(x, v, { pad: 1 }), v, { pad: 1 }));
  assert.is(simplify([y]).nodes.filter((n) => n.op.name === "cast" && n.inputs[0] === v).length, 1);
  assert.is(ancestors([y]).filter((n) => n.op.name === "cast" && n.inputs[0] === v).length, 2);
});

test("a convolution, its norm and its gradients are near those in f32", async () => {
  const d = await device();
  if (!d.gpu.traits.f16) return; // SwiftShader has none
  const run = (dtype: "f16" | "f32") => {
    const x = tensor(noise(512, 1), [2, 8, 8, 4]);
    const w = tensor(noise(288, 2, 0.3), [3, 3, 4, 8]);
    const b = tensor(noise(8, 3), [8]);
    const loss = autocast(dtype, () => {
      const { y } = batchNorm(conv2d(x, w, { pad: 1 }), { weight: b, bias: b });
      return mseLoss(relu(y), conv2d(x, w, { bias: b, pad: 1 }));
    });
    const [dx, dw, db] = grad(loss, [x, w, b]);
    return d.evaluate({ loss, dx, dw, db });
  };
  const half = await run("f16");
  const single = await run("f32");
  // A gradient passes some six stored tensors, each off by 2⁻¹¹ at most.
  for (const name of ["loss", "dx", "dw", "db"] as const) {
    const error = worst(half[name], single[name]);
    assert.ok(error > 0 && error < 6 * 2 ** -11, `${name}: off by ${error}`);
  }
});

test("a device without shader-f16 says so before anything is submitted", async () => {
  using d = await Device.open((await environment().gpu()).gpu, { traits: { f16: false } });
  const before = d.counters.totalSubmits;
  await d
    .compile(() => ({ y: autocast("f16", () => matmul(tensor(noise(4), [2, 2]), tensor(noise(4), [2, 2]))) }))
    .then(
      () => assert.unreachable(),
      (e: unknown) => {
        assert.instance(e, LimitExceededError);
        assert.match((e as Error).message, /half precision.*no feature shader-f16.*autocast/);
      },
    );
  assert.is(d.counters.totalSubmits, before);
});

test("an optimizer's parameters are f32", async () => {
  const { arenaOf } = await import("../../engine/variable.ts");
  assert.throws(
    () => arenaOf([new Variable([2], [1, 2], { dtype: "f16", name: "w" })], "p"),
    /w is f16; an optimizer moves f32 parameters/,
  );
});

test.run();
