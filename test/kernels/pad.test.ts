// Padding of any rank in every mode: values and gradients against plain loops, and the messages of what can't be
// padded.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { grad } from "../../engine/grad.ts";
import { pad } from "../../engine/ops/pad.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { runGraph } from "../helpers/run-graph.ts";
import * as reference from "../../bench/reference/pad.ts";
import { type Pads, cases, own } from "./pad-cases.ts";

const test = suite("pad");

let state = 3;
const numbers = (n: number): Float32Array =>
  Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32) * 2 - 1);
  });
const close = (got: ArrayLike<number>, want: ArrayLike<number>, what: string, tolerance: number): void => {
  assert.is(got.length, want.length, `${what}: length`);
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i] - want[i]) <= tolerance * Math.max(1, Math.abs(want[i]))))
      assert.unreachable(`${what}[${i}] is ${got[i]}, not ${want[i]}`);
  }
};
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((s, v, i) => s + v * b[i], 0);
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

for (const mode of ["reflect", "constant", "replicate", "circular", "symmetric"] as const) {
  test(`${mode} padding copies the right elements, and its gradient sums them back`, async () => {
    for (const [shape, pads] of [...cases, ...own[mode]]) {
      for (const value of mode === "constant" ? [0, -1.5] : [0]) {
        const what = `${JSON.stringify(shape)} by ${JSON.stringify(pads)}`;
        const x = input("x", shape);
        const xData = numbers(size(shape));
        const y = pad(x, pads, { mode, value });
        assert.equal(y.shape, reference.padded(shape, pads), what);
        const dy = input("dy", y.shape);
        const dyData = numbers(y.size);
        const feeds = new Map<Tensor, ArrayLike<number>>([
          [x, xData],
          [dy, dyData],
        ]);
        const from = reference.sources(shape, pads, mode);
        const got = await runGraph(y, feeds);
        close(
          got,
          from.map((i) => (i < 0 ? value : xData[i])),
          `y ${what}`,
          0,
        );

        const wantDx = new Array<number>(xData.length).fill(0);
        from.forEach((i, o) => {
          if (i >= 0) wantDx[i] += dyData[o];
        });
        const [dx] = grad(y, [x], dy);
        const gotDx = await runGraph(dx, feeds);
        close(gotDx, wantDx, `dx ${what}`, 1e-6);
        if (value === 0) {
          close([dot(got, dyData)], [dot(xData, gotDx)], `⟨Ax, u⟩ ${what}`, 1e-5);
          close(await runGraph(grad(dx, [dy], x)[0], feeds), got, `gradient of the gradient ${what}`, 0);
        }
      }
    }
  });
}

test("integers are padded by joined views in every mode", async () => {
  for (const mode of ["reflect", "constant", "replicate", "circular", "symmetric"] as const) {
    for (const [shape, pads] of cases) {
      const x = input("x", shape, "i32");
      const data = Int32Array.from({ length: size(shape) }, (_, i) => 2 ** 30 + i);
      const got = await runGraph(pad(x, pads, { mode, value: 7 }), new Map<Tensor, ArrayLike<number>>([[x, data]]));
      close(
        got,
        reference.sources(shape, pads, mode).map((i) => (i < 0 ? 7 : data[i])),
        `${mode} ${JSON.stringify(shape)} by ${JSON.stringify(pads)}`,
        0,
      );
    }
  }
});

test("H and W of NHWC are padded by one kernel", () => {
  const y = pad(
    input("x", [2, 8, 8, 16]),
    [
      [0, 0],
      [3, 3],
      [3, 3],
      [0, 0],
    ],
    { mode: "reflect" },
  );
  assert.is(y.node.op.name, "pad");
  assert.is(y.node.inputs[0].node.op.name, "input");
  const x = input("x", [2, 8]);
  assert.is(
    pad(
      x,
      [
        [0, 0],
        [0, 0],
      ],
      { mode: "reflect" },
    ),
    x,
    "no padding is no work",
  );
});

test("errors say what is wrong and what would be right", () => {
  const x = input("x", [1, 4, 6, 3]);
  const at = (d: number, p: Pads): Pads[] => [0, 1, 2, 3].map((i): Pads => (i === d ? p : [0, 0]));
  assert.throws(
    () => pad(x, [[1, 1]]),
    /pad: 1 pads for x \[1, 4, 6, 3\]; give 4, one \[low, high\] for each dimension/,
  );
  assert.throws(() => pad(x, at(1, [0, 0.5])), /pads of dimension 1 are \[0, 0.5\]; give two whole numbers/);
  assert.throws(
    () => pad(x, at(1, [4, 0]), { mode: "reflect" }),
    /reflect padding 4 of dimension 1 of x \[1, 4, 6, 3\] must be smaller than the size, 4; use at most 3/,
  );
  assert.throws(
    () => pad(x, at(2, [0, 7]), { mode: "circular" }),
    /circular padding 7 of dimension 2 of x \[1, 4, 6, 3\] must not pass the size, 6; use at most 6/,
  );
  assert.throws(() => pad(x, at(2, [0, 7]), { mode: "symmetric" }), /symmetric padding 7 .* use at most 6/);
  assert.throws(
    () => pad(x, at(1, [-2, 3]), { mode: "circular" }),
    /must not pass the size left by cropping, 2; use at most 2/,
  );
  assert.throws(
    () => pad(x, at(0, [1, 0]), { mode: "reflect" }),
    /reflect padding 1 of dimension 0 .* leave that dimension unpadded/,
  );
  assert.throws(
    () => pad(input("x", [0]), [[1, 0]], { mode: "replicate" }),
    /replicate padding 1 .* needs an element to repeat, 0; leave that dimension unpadded/,
  );
  assert.throws(() => pad(x, at(1, [-3, -2])), /pads \[-3, -2\] crop more than the 4 elements of dimension 1/);
  assert.throws(
    () => pad(x, at(1, [1, 1]), { mode: "mirror" as "reflect" }),
    /mode is "mirror"; it must be "constant", "reflect", "replicate", "circular" or "symmetric"/,
  );
});

test.run();
