// Reductions over any axes, with what is fused to them, against plain loops.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mul, square } from "../../engine/ops/elementwise.ts";
import { max, mean, moments, sum, prod } from "../../engine/ops/reduce.ts";
import { full } from "../../engine/constant.ts";
import { device, noise, tensor } from "../helpers/device.ts";
import { close } from "../helpers/close.ts";

const test = suite("reductions");

// biome-ignore format: one case a row
const reductions: [shape: number[], axes: number[]][] = [
  [[7, 9], [1]],
  [[7, 9], [0]],
  [[2, 5, 6, 8], [1, 2]],
  [[2, 5, 6, 3], [1, 2]],
  [[2, 5, 6, 8], [0, 1, 2]],
  [[2, 5, 6, 8], [0, 1, 2, 3]],
  [[300, 4], [0]],
  [[4, 5000], [1]],
  [[3, 4, 5, 6], [0, 2]],
  [[1, 1], [0]],
  [[20000], [0]],
];
for (const [shape, axes] of reductions) {
  test(`reductions of ${shape} over ${axes}`, async () => {
    const d = await device();
    const n = shape.reduce((a, b) => a * b, 1);
    const x = noise(n, 5).map((v) => v + 0.5);
    const outShape = shape.map((s, k) => (axes.includes(k) ? 1 : s));
    const groups = new Map<number, number[]>();
    for (let i = 0; i < n; i++) {
      let rest = i;
      let o = 0;
      let s = 1;
      for (let k = shape.length - 1; k >= 0; k--) {
        const c = rest % shape[k]!;
        rest = Math.floor(rest / shape[k]!);
        if (!axes.includes(k)) {
          o += c * s;
          s *= shape[k]!;
        }
      }
      groups.set(o, [...(groups.get(o) ?? []), x[i]!]);
    }
    const per = (f: (v: number[]) => number): number[] =>
      [...groups.keys()].sort((a, b) => a - b).map((o) => f(groups.get(o)!));
    const t = tensor(x, shape);
    const m = moments(t, axes);
    const got = await d.evaluate({
      sum: sum(square(t), axes),
      mean: mean(t, axes),
      max: max(t, axes),
      mu: m.mean,
      variance: m.variance,
      scaled: mul(
        sum(t, axes, { keepDims: true }),
        tensor(
          noise(
            outShape.reduce((a, b) => a * b, 1),
            9,
          ),
          outShape,
        ),
      ),
    });
    const average = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length;
    close(
      got.sum,
      per((v) => v.reduce((a, b) => a + b * b, 0)),
      3e-6,
    );
    close(got.mean, per(average), 3e-6);
    close(
      got.max,
      per((v) => v.reduce((a, b) => Math.max(a, b))),
      0,
    );
    close(got.mu, per(average), 3e-6);
    close(
      got.variance,
      per((v) => {
        const a = average(v);
        return average(v.map((e) => (e - a) ** 2));
      }),
      1e-5,
    );
    const w = noise(
      outShape.reduce((a, b) => a * b, 1),
      9,
    );
    close(
      got.scaled,
      per((v) => v.reduce((a, b) => a + b, 0)).map((v, i) => v * w[i]!),
      1e-5,
    );
  });
}

test("rows longer than a workgroup takes, with an epilogue", async () => {
  const d = await device();
  const x = noise(2 * 66000, 5);
  const w = noise(2, 9);
  const got = await d.evaluate(mul(sum(square(tensor(x, [2, 66000])), 1), tensor(w)));
  close(
    got,
    [0, 1].map((o) => w[o]! * x.slice(o * 66000, (o + 1) * 66000).reduce((a, v) => a + v * v, 0)),
    1e-5,
  );
});

test("an empty sum is 0, an empty product 1", async () => {
  const d = await device();
  const got = await d.evaluate({ s: sum(full([0, 3], 1), 0), p: prod(tensor([], [3, 0]), 1) });
  assert.equal([...got.s], [0, 0, 0]);
  assert.equal([...got.p], [1, 1, 1]);
});

test.run();
