// The contextual loss walks the matrix of all pairs tile by tile: equal to the direct form, in a fraction of its
// memory.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, grad } from "../../engine/index.ts";
import { type ContextualOptions, contextual } from "../../losses/contextual.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import * as reference from "../reference/contextual.ts";
import { contextualDirect } from "./contextual-direct.ts";

const test = suite("contextual loss");
const MiB = 2 ** 20;

for (const distance of ["cosine", "half-cosine", "squared-l2"] as const) {
  for (const best of ["source", "target"] as const) {
    test(`${distance}, best ${best}: value and gradients are those of the direct form`, async () => {
      const d = await device();
      const options: ContextualOptions = { distance, best, bandWidth: 0.3 };
      // An odd number of channels: points are padded for the kernels.
      const x = tensor(noise(2 * 9 * 13 * 7, 1), [2, 9, 13, 7]);
      const y = tensor(noise(2 * 8 * 11 * 7, 2), [2, 8, 11, 7]);
      const a = contextual(x, y, options);
      const b = contextualDirect(x, y, options);
      const [ax, ay] = grad(a, [x, y]);
      const [bx, by] = grad(b, [x, y]);
      const got = await d.evaluate({ a, b, ax: ax!, ay: ay!, bx: bx!, by: by! });
      assert.ok(worst(got.a, got.b) < 1e-5, `value ${got.a[0]}, not ${got.b[0]}`);
      assert.ok(
        worst(got.ax, got.bx) < 3e-5 && worst(got.ay, got.by) < 3e-5,
        `dx ${worst(got.ax, got.bx)}, dy ${worst(got.ay, got.by)}`,
      );
    });
  }
}

test("of 16,384 points no matrix of 1 GiB exists: value and gradients are the direct form's to 1e-4", async () => {
  const side = 128;
  const n = side * side;
  const c = 8;
  const copies = 4;
  const distinct = n / copies;
  // No binding may be as large as 4 MiB, so neither may any tensor.
  using d = await Device.open((await environment().gpu()).gpu, { maxBindingBytes: 4 * MiB });
  using p = await d.compile(
    ({ x, y }) => {
      const loss = contextual(x, y);
      const [dx, dy] = grad(loss, [x, y]);
      return { loss, dx: dx!, dy: dy! };
    },
    { x: [1, side, side, c], y: [1, side, side, c] },
  );
  assert.ok(p.stats().bytes < 24 * MiB, `${p.stats().bytes / MiB} MiB`);
  // Every point stands there four times, so that loops in f64 need a sixteenth of the pairs: each similarity is a
  // quarter of the distinct points', and the gradients of a point's copies add up to its own.
  const x = noise(distinct * c, 1);
  const y = noise(distinct * c, 2);
  const placeX = (i: number, copy: number): number => copy * distinct + i;
  const placeY = (j: number, copy: number): number => j * copies + copy;
  const spread = (t: Float32Array, place: typeof placeX): Float32Array => {
    const all = new Float32Array(n * c);
    for (let i = 0; i < distinct; i++)
      for (let k = 0; k < copies; k++) all.set(t.subarray(i * c, (i + 1) * c), place(i, k) * c);
    return all;
  };
  const gathered = (t: ArrayLike<number>, place: typeof placeX): Float64Array =>
    Float64Array.from(x, (_, e) => {
      let sum = 0;
      for (let k = 0; k < copies; k++) sum += t[place(Math.floor(e / c), k) * c + (e % c)]!;
      return sum;
    });
  p.run({ x: spread(x, placeX), y: spread(y, placeY) });
  const got = await p.read();
  const want = inDouble(x, y, distinct, c, copies);
  assert.ok(worst(got.loss!, [want.loss]) < 1e-4, `value: ${worst(got.loss!, [want.loss])}`);
  const dx = gathered(got.dx!, placeX);
  const dy = gathered(got.dy!, placeY);
  assert.ok(worst(dx, want.dx!) < 1e-4, `dx: ${worst(dx, want.dx!)}`);
  assert.ok(worst(dy, want.dy) < 1e-4, `dy: ${worst(dy, want.dy)}`);
  assert.ok(
    got.dx!.subarray(distinct * c).every((v) => v === 0),
    "of equal points only the first is chosen",
  );
});

test("features of 256 × 256 × 64 take less than 256 MB beside themselves, forward and backward", async () => {
  const shape = [1, 256, 256, 64];
  const bytes = 4 * 256 * 256 * 64;
  using p = await (await device()).compile(
    ({ x, y }) => {
      const loss = contextual(x, y);
      const [dx, dy] = grad(loss, [x, y]);
      return { loss, dx: dx!, dy: dy! };
    },
    { x: shape, y: shape },
  );
  const beside = p.stats().bytes - 2 * bytes;
  assert.ok(beside < 256e6, `${beside / 1e6} MB`);
});

/**
 * Loss and gradients by f64 loops where each of n points stands there `copies` times: centre, unit length,
 * similarity, logarithm, and their chain rule.
 */
function inDouble(x: Float32Array, y: Float32Array, n: number, c: number, copies: number) {
  const centre = new Float64Array(c);
  y.forEach((v, i) => (centre[i % c]! += v / n));
  const shifted = [x, y].map((t) => Float64Array.from(t, (v, i) => v - centre[i % c]!));
  const lengths = shifted.map((t) =>
    Float64Array.from({ length: n }, (_, i) => Math.hypot(...t.subarray(i * c, (i + 1) * c))),
  );
  const [u, v] = shifted.map((t, k) => t.map((e, i) => e / lengths[k]![Math.floor(i / c)]!));
  let loss = 0;
  const { dx: du, dy: dv } = reference.contextual(
    u!,
    v!,
    { n, m: n, c, bandWidth: 0.5, best: "source", bias: 1, scale: 1, least: -Infinity },
    (largest) => {
      const cx = largest.reduce((a, b) => a + b, 0) / n / copies;
      loss = -Math.log(cx + 1e-5);
      return new Float64Array(n).fill(-1 / (cx + 1e-5) / n / copies);
    },
  );
  // Through the division by the length: what points along the unit vector is lost.
  const [dx, dy] = [
    [du, u],
    [dv, v],
  ].map(([g, unit], k) =>
    g!.map((e, i) => {
      const p = Math.floor(i / c) * c;
      let along = 0;
      for (let j = p; j < p + c; j++) along += g![j]! * unit![j]!;
      return (e - along * unit![i]!) / lengths[k]![p / c]!;
    }),
  );
  // Through the centre, which is a mean of y.
  const dCentre = new Float64Array(c);
  for (const g of [dx, dy]) g!.forEach((e, i) => (dCentre[i % c]! -= e / n));
  return { loss, dx, dy: dy!.map((e, i) => e + dCentre[i % c]!) };
}

test.run();
