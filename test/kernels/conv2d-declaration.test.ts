// What convolutions declare: the nodes they make, and the messages of what can't be convolved.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { ShapeError } from "../../engine/errors.ts";
import { conv2dWeightGrad } from "../../engine/gradients/conv-weight-grad.ts";
import { imageGradient } from "../../engine/gradients/convolution.ts";
import { conv2dOp } from "../../engine/ops/conv-forward.ts";
import { type Conv2dOptions, conv2d, convTranspose2d } from "../../engine/ops/conv.ts";

const test = suite("conv2d: declaration");

test("bias is an addition after the kernel, and mirrored borders are read by it", () => {
  const x = input("x", [1, 8, 8, 4]);
  const w = input("w", [3, 3, 4, 8]);
  const y = conv2d(x, w, { bias: input("b", [8]), pad: 1 });
  assert.is(y.node.op.name, "add");
  assert.ok(y.node.inputs.some((t) => t.node.op === conv2dOp));
  const z = conv2d(x, w, { pad: [1, 2], padMode: "reflect" });
  assert.is(z.node.op, conv2dOp);
  assert.is(z.node.inputs[0], x);
  assert.equal(z.shape, [1, 8, 10, 8]);
});

test("errors name the dimension and what would be right", () => {
  const x = input("x", [2, 8, 8, 3]);
  const w = input("w", [3, 3, 3, 8]);
  const fails = (f: () => unknown, ...parts: string[]): void => {
    try {
      f();
    } catch (error) {
      assert.instance(error, ShapeError);
      for (const part of parts)
        assert.ok((error as Error).message.includes(part), `"${(error as Error).message}" does not say "${part}"`);
      return;
    }
    assert.unreachable(`nothing was thrown that says "${parts[0]}"`);
  };
  const conv =
    (options: Conv2dOptions, image = x, filter = w): (() => unknown) =>
    () =>
      conv2d(image, filter, options);
  fails(conv({}, input("x", [8, 8, 3])), "conv2d", "x is [8, 8, 3], of rank 3", "[N, H, W, C]");
  fails(conv({}, x, input("w", [3, 3, 8])), "w is [3, 3, 8]", "[R, S, C/groups, K]");
  fails(conv({}, x, input("w", [3, 3, 4, 8])), "C = 3", "takes 4", "[3, 3, 3, 8]");
  fails(conv({ groups: 2 }), "C = 3", "2 groups", "divisor of C");
  fails(conv({ groups: 3 }, x, input("w", [3, 3, 1, 8])), "K = 8", "divisor of K");
  fails(conv({ groups: 3 }, x, input("w", [3, 3, 3, 9])), "takes 9 in 3 groups", "[3, 3, 1, 9]");
  fails(conv({ bias: input("b", [3]) }), "bias is [3]", "K = 8", "[8]");
  fails(conv({ stride: 0 }), "stride is [0, 0]", "≥ 1");
  fails(conv({ stride: [1, 1.5] }), "stride is [1, 1.5]");
  fails(conv({ pad: [1, 2, 3] as unknown as [number, number] }), "pad is [1, 2, 3]", "[top, left, bottom, right]");
  fails(conv({ dilation: 4 }), "H = 8", "reaches over 9", "R = 3, dilation 4", "pad by 1 more");
  fails(conv({ pad: [1, -3] }), "W = 8", "is 2 long", "S = 3");
  fails(conv({}, input("x", [2, 8, 8, 3], "i32")), "x is i32[2, 8, 8, 3]", "cast it to f32");
  fails(conv({ pad: 8, padMode: "reflect" }), "reflect padding 8", "at most 7");
  const mirror = { stride: [1, 1], pad: [8, 0, 0, 0], dilation: [1, 1], groups: 1, padMode: "reflect" } as const;
  fails(
    () => imageGradient(input("dy", [2, 14, 6, 8]), w, { ...mirror, size: [8, 8] }),
    "reflect padding 8",
    "at most 7",
  );
  fails(
    () => conv2dWeightGrad(x, input("dy", [2, 14, 6, 8]), { ...mirror, filter: [3, 3] }),
    "reflect padding 8",
    "at most 7",
  );
  fails(() => convTranspose2d(x, w), "convTranspose2d", "Cin = 3", "takes 8", "[3, 3, 3, 3]");
  fails(() => convTranspose2d(x, input("w", [3, 3, 4, 3]), { bias: input("b", [3]) }), "bias is [3]", "Cout = 4");
  fails(() => convTranspose2d(x, input("w", [3, 3, 4, 3]), { pad: 5 }), "0 × 0", "crops too much");
  fails(() => convTranspose2d(x, input("w", [3, 3, 4, 3]), { outputPad: -1 }), "outputPad is [-1, -1]", "≥ 0");
});

test.run();
