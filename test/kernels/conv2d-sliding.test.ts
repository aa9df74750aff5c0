// Convolutions whose rows of three taps slide, which adapters take on a CPU with subgroups of eight: against f64 loops on
// any adapter with subgroups, at each number of channels that an invocation makes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, conv2d } from "../../engine/index.ts";
import type { KernelOp } from "../../engine/op.ts";
import type { ConvAttrs } from "../../engine/ops/conv-shapes.ts";
import { conv2dOp } from "../../engine/ops/conv-forward.ts";
import { conv2dInputGradOp } from "../../engine/ops/conv-input-grad.ts";
import { conv2dWeightGradOp } from "../../engine/gradients/conv-weight-grad.ts";
import { bringLlvmpipe } from "../../engine/run/bring-llvmpipe.ts";
import { Variable } from "../../engine/variable.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { rawDevice, runOp } from "../helpers/run-op.ts";
import * as reference from "../reference/conv.ts";
import { filter, image, output, problem } from "./conv2d-agreement.ts";

const test = suite("conv2d: sliding taps");
bringLlvmpipe(); // as openNodeGpu does: a page is without them
const traits: Partial<Traits> = { cpu: true, subgroups: true, lanes: 8, winograd: false };

const reflect = { padMode: "reflect" } as const;
const pad = [1, 1, 1, 1] as const;
const cases: Readonly<Record<string, reference.Conv>> = {
  "one tile a row": problem([2, 5, 4, 8], [3, 3, 8], { pad }),
  "17 pixels and more, in fours": problem([1, 5, 4, 4], [3, 3, 4], { pad }),
  "20 to 36 channels": problem([1, 6, 8, 20], [3, 3, 36], { pad }),
  "36 to 20 channels, whole workgroups and a part": problem([3, 6, 12, 36], [3, 3, 20], { pad }),
  "steps and gaps between rows": problem([1, 11, 12, 8], [3, 3, 12], {
    stride: [2, 1],
    dilation: [2, 1],
    pad: [2, 1, 2, 1],
  }),
  "five rows of taps, pads of each side their own": problem([1, 9, 10, 4], [5, 3, 20], { pad: [2, 0, 1, 0] }),
  "one row of taps": problem([1, 6, 8, 4], [1, 3, 8], { pad: [0, 1, 0, 1] }),
  "pads wider than the filter": problem([1, 3, 4, 8], [3, 3, 4], { pad: [4, 5, 5, 5] }),
  "negative pads crop": problem([2, 13, 12, 8], [3, 3, 12], { pad: [-2, 1, -1, -3] }),
  "mirrored borders": problem([2, 5, 8, 8], [3, 3, 12], { ...reflect, pad }),
  "mirrored borders of size − 1": problem([1, 5, 4, 8], [3, 3, 4], { ...reflect, pad: [1, 3, 1, 3] }),
};

/** The op with so many vec4s of channels an invocation; `ran` gets the names of its kernels. */
const making = <A extends object>(op: KernelOp<A>, vectors: number, ran: Set<string>): KernelOp<A> => ({
  ...op,
  lower: (l, a) =>
    op.lower(
      {
        ...l,
        dispatch(kernel, p, buffers, consts) {
          ran.add(kernel.name);
          l.dispatch(kernel, p, buffers, { ...consts, ...(kernel.tunables?.KV && { KV: vectors }) });
        },
      },
      a,
    ),
});

for (const [name, o] of Object.entries(cases))
  test(`${name}: forward and gradients agree with f64 loops`, async () => {
    if (!(await rawDevice()).device.features.has("subgroups")) return;
    const [x, w, dy] = [image(o), filter(o), output(o)];
    const attrs: ConvAttrs = o;
    for (const vectors of [1, 2, 3, 4]) {
      const ran = new Set<string>();
      const [y] = await runOp(making(conv2dOp, vectors, ran), attrs, [x, w], traits);
      assert.ok(worst(y!, reference.conv2d(x.data, w.data, o)) < 1e-5, `y, ${vectors} vec4s`);
      assert.equal([...ran], ["conv2d-sliding"]);
      const weights = making(conv2dWeightGradOp, vectors, ran);
      const [dw] = await runOp(weights, { ...attrs, filter: [o.r, o.s] as const }, [x, dy], traits);
      assert.ok(worst(dw!, reference.conv2dWeightGrad(x.data, dy.data, o)) < 1e-5, `dw, ${vectors} vec4s`);
      assert.is(ran.has("conv2d-weight-grad-sliding"), o.c >= 8);
      if (o.padMode) continue; // its gradient is of several ops
      const back = making(conv2dInputGradOp, vectors, ran);
      const [dx] = await runOp(back, { ...attrs, size: [o.h, o.w] as const }, [dy, w], traits);
      assert.ok(worst(dx!, reference.conv2dInputGrad(dy.data, w.data, o)) < 1e-5, `dx, ${vectors} vec4s`);
      assert.is(ran.has("conv2d-input-grad-sliding"), o.stride[0] === 1 && o.w % 4 === 0 && o.n * o.h * o.w > 16);
    }
  });

test("zeros and mirrored borders share a pipeline", async () => {
  if (!(await rawDevice()).device.features.has("subgroups")) return;
  using d = await Device.open((await environment().gpu()).gpu, { traits });
  const w = new Variable([3, 3, 8, 8], noise(9 * 64, 1), { name: "w" });
  using p = await d.compile(
    ({ x }) => {
      const mirrored = conv2d(x, w.value, { pad: 1, padMode: "reflect" });
      return { y: conv2d(mirrored, w.value, { pad: 1 }) };
    },
    { x: [2, 8, 8, 8] },
  );
  assert.equal(
    p.explain().dispatches.map((e) => e.kernel),
    ["conv2d-sliding", "conv2d-sliding", "finish"],
  );
  assert.is(p.stats().pipelines, 2);
});

test("subgroups of four, steps within a row, other widths and few pixels go by quads alone", async () => {
  if (!(await rawDevice()).device.features.has("subgroups")) return;
  const first = cases["one tile a row"]!;
  for (const [o, other] of [
    [first, { ...traits, lanes: 4 }],
    [first, { ...traits, lanes: undefined }],
    [problem([2, 5, 8, 8], [3, 3, 8], { pad, stride: [1, 2] }), traits],
    [problem([2, 5, 6, 8], [3, 3, 8], { pad }), traits],
    [problem([1, 4, 4, 8], [3, 3, 8], { pad }), traits],
    [problem([2, 5, 4, 8], [3, 3, 8], { pad, groups: 2 }), traits],
  ] as const) {
    const ran = new Set<string>();
    const [x, w] = [image(o), filter(o)];
    const [y] = await runOp(making(conv2dOp, 2, ran), o as ConvAttrs, [x, w], other);
    assert.equal([...ran], ["conv2d-direct-quad"]);
    assert.ok(worst(y!, reference.conv2d(x.data, w.data, o)) < 1e-5);
  }
});

test.run();
