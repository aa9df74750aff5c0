// Every kernel that stores half precision, with f16 in its buffers and with the same numbers in f32: results differ
// by one rounding.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { type DType, fromHalf, toHalf } from "../../engine/dtype.ts";
import { ancestors } from "../../engine/ancestors.ts";
import { grad } from "../../engine/grad.ts";
import {
  argMax,
  avgPool2d,
  conv2d,
  cumSum,
  gather,
  gridSample,
  matmul,
  maxPool2d,
  maxUnpool2d,
  pad,
  resize,
  take,
} from "../../engine/index.ts";
import type { KernelOp } from "../../engine/op.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise } from "../helpers/device.ts";
import { rawDevice, runOp } from "../helpers/run-op.ts";

const test = suite("half-precision kernels");
const variants: readonly Partial<Traits>[] = [
  { cpu: true, subgroups: true },
  { cpu: true, winograd: true },
  { cpu: true, subgroups: false },
  { cpu: false },
];

/** Numbers that f16 holds; places to look up. */
const data = (t: Tensor, seed: number): ArrayLike<number> =>
  noise(t.size, seed).map((v) => (t.dtype === "i32" ? Math.floor(3 * Math.abs(v)) : fromHalf(toHalf(v))));

/**
 * Runs an op by the first kernel that fits and has not been tried, wherever it chooses; `ran` collects the names of
 * its kernels.
 */
function byUntried(op: KernelOp, traits: Traits, tried: ReadonlySet<string>, ran: Set<string>): KernelOp {
  return {
    ...op,
    lower: (l, a) =>
      op.lower(
        {
          ...l,
          select: (kernels, params) => {
            const fitting = kernels.filter((k) => !k.fits || k.fits(params, traits));
            return fitting.find((k) => !tried.has(k.name)) ?? fitting[0];
          },
          dispatch: (kernel, ...rest) => {
            ran.add(kernel.name);
            l.dispatch(kernel, ...rest);
          },
          dispatchItems: (kernel, ...rest) => {
            ran.add(kernel.name);
            l.dispatchItems(kernel, ...rest);
          },
        },
        a,
      ),
  };
}

/** Checks the kernel ops of f's value and of its gradients, by all kernels that fit. Names of those that ran. */
async function agrees(
  name: string,
  shapes: readonly (readonly number[])[],
  f: (xs: Tensor[]) => Tensor,
  dtypes: readonly DType[] = shapes.map(() => "f16"),
): Promise<Set<string>> {
  const seen = new Set<string>();
  const { device } = await rawDevice();
  if (!device.features.has("shader-f16")) return seen; // SwiftShader has none
  const xs = shapes.map((s, i) => input(`x${i}`, s, dtypes[i]));
  const y = f(xs);
  const differentiable =
    y.dtype === "f16" || y.dtype === "f32"
      ? grad(
          y,
          xs.filter((x) => x.dtype === "f16"),
          input("dy", y.shape, y.dtype),
        )
      : [];
  const nodes = ancestors([y, ...differentiable]).filter((n) => n.op.kind === "kernel");
  assert.ok(
    nodes.some((n) => n.inputs.some((t) => t.dtype === "f16")),
    `${name}: nothing is stored in f16`,
  );
  for (const node of nodes) {
    const given = node.inputs.map((t, i) => ({ shape: t.shape, data: data(t, i + 1), dtype: t.dtype }));
    const tried = new Set<string>();
    for (const override of variants) {
      if (override.subgroups && !device.features.has("subgroups")) continue;
      const traits: Traits = { cpu: true, f16: true, subgroups: false, ...override };
      for (;;) {
        const ran = new Set<string>();
        const op = byUntried(node.op as KernelOp, traits, tried, ran);
        const half = await runOp(op, node.attrs, given, traits);
        if ([...ran].every((k) => tried.has(k))) break;
        const single = await runOp(
          op,
          node.attrs,
          given.map((x) => (x.dtype === "f16" ? { ...x, dtype: "f32" as const } : x)),
          traits,
        );
        for (const k of ran) seen.add(k) && tried.add(k);
        half.forEach((got, o) => {
          const scale = Math.max(...single[o].map(Math.abs));
          const rounding = node.outputs[o].dtype === "f16" ? 2 ** -11 : 0;
          got.forEach((v, i) => {
            const want = single[o][i];
            assert.ok(
              v === want || Math.abs(v - want) <= rounding * Math.abs(want) + 2 ** -25 + 1e-6 * scale,
              `${name}, ${node.op.name} by ${[...ran].join(", ")}: ${v} at ${i}, in f32 ${want}`,
            );
          });
        });
      }
    }
  }
  return seen;
}

const covers = (seen: ReadonlySet<string>, ...names: string[]): void => {
  if (seen.size)
    for (const name of names)
      assert.ok(
        [...seen].some((s) => s.includes(name)),
        `${name} is not among ${[...seen].join(", ")}`,
      );
};

test("convolutions and their gradients", async () => {
  const seen = new Set<string>();
  for (const [c, k, r, stride, groups] of [
    [8, 16, 3, 1, 1],
    [3, 5, 3, 2, 1],
    [1, 8, 7, 1, 1],
    [8, 1, 7, 1, 1],
    [8, 8, 3, 1, 2],
  ]) {
    for (const padMode of ["zero", "reflect"] as const) {
      for (const s of await agrees(
        `${c} → ${k}, ${padMode}`,
        [
          [2, 9, 10, c],
          [r, r, c / groups, k],
        ],
        ([x, w]) => conv2d(x, w, { stride, pad: r >> 1, groups, padMode }),
      ))
        seen.add(s);
    }
  }
  covers(
    seen,
    "implicit-gemm",
    "direct-quad",
    "direct-vec4",
    "thin-in",
    "thin-out",
    "weight-grad",
    "input-grad",
    "pad-image",
    "winograd-output",
    "winograd-input-grad",
    "winograd-weight-grad",
  );
});

test("matrix products", async () => {
  covers(
    await agrees(
      "by fours",
      [
        [2, 20, 12],
        [2, 12, 16],
      ],
      ([a, b]) => matmul(a, b),
    ),
    "tiled",
    "quad",
    "direct",
  );
  await agrees(
    "odd",
    [
      [5, 7],
      [7, 3],
    ],
    ([a, b]) => matmul(a, b),
  );
});

test("pooling, resizing and padding", async () => {
  for (const c of [3, 8]) {
    const image = [[2, 9, 8, c]];
    await agrees("max pool", image, ([x]) => maxPool2d(x, { kernel: 2 }));
    await agrees("max pool, overlapping", image, ([x]) => maxPool2d(x, { kernel: 3, stride: 2, pad: 1 }));
    await agrees("average pool", image, ([x]) => avgPool2d(x, { kernel: 3, stride: 2, pad: 1 }));
    await agrees("bilinear", image, ([x]) => resize(x, [13, 5], { mode: "bilinear" }));
    await agrees("nearest", image, ([x]) => resize(x, [13, 5], { mode: "nearest" }));
    await agrees("pad", image, ([x]) =>
      pad(
        x,
        [
          [0, 0],
          [2, 1],
          [1, 2],
          [0, 0],
        ],
        { mode: "reflect" },
      ),
    );
  }
});

test("looking up, scattering and sampling", async () => {
  covers(
    await agrees("take", [[4, 6], [5]], ([x, i]) => take(x, i, 0), ["f16", "i32"]),
    "gather-floats",
    "scatter-add",
  );
  await agrees(
    "gather",
    [
      [4, 6],
      [3, 6],
    ],
    ([x, i]) => gather(x, i, 0),
    ["f16", "i32"],
  );
  await agrees(
    "unpool",
    [
      [1, 2, 2, 3],
      [1, 2, 2, 3],
    ],
    ([x, i]) => maxUnpool2d(x, i, [4, 4]),
    ["f16", "i32"],
  );
  for (const c of [3, 4])
    covers(
      await agrees(
        "grid sample",
        [
          [1, 5, 6, c],
          [1, 3, 4, 2],
        ],
        ([x, grid]) => gridSample(x, grid),
        ["f16", "f32"],
      ),
      "gather-taps",
      "scatter-taps",
    );
});

test("running sums and places of extremes, short and in chunks", async () => {
  for (const n of [7, 300]) for (const c of [3, 4]) await agrees("running sum", [[2, n, c]], ([x]) => cumSum(x, 1));
  covers(await agrees("largest", [[2, 3000, 3]], ([x]) => argMax(x, 1)), "arg-extreme-merge");
});

test.run();
