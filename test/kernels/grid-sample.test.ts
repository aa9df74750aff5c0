import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tensor, grad, gridSample, input, mul, sum } from "../../engine/index.ts";
import { device, noise, worst } from "../helpers/device.ts";
import * as reference from "../reference/grid-sample.ts";

const test = suite("grid sample");

type Case = readonly [image: readonly [n: number, h: number, w: number, c: number], points: readonly [number, number]];
const cases: readonly Case[] = [
  [
    [2, 5, 6, 3],
    [4, 7],
  ],
  [
    [1, 7, 3, 4],
    [6, 5],
  ],
  [
    [1, 1, 1, 2],
    [3, 3],
  ],
  [
    [1, 2, 1, 8],
    [2, 5],
  ],
  [
    [3, 9, 4, 1],
    [1, 11],
  ],
];
const edges = [-1, -1, 1, 1, -1, 1, 0, 0, 0.5, -0.5, 3, 0, -5, 7.25, 1e4, -1e4];

async function check(
  [n, h, w, c]: Case[0],
  points: Case[1],
  mode: reference.Mode,
  padding: reference.Padding,
  alignCorners: boolean,
  grid: ArrayLike<number>,
): Promise<void> {
  const what = `[${[n, h, w, c]}] at [${points}] ${mode} ${padding} ${alignCorners}`;
  const d = await device();
  const x = noise(n * h * w * c, 1);
  const dy = noise(n * points[0] * points[1] * c, 2);
  using program = await d.compile(
    (t) => {
      const y = gridSample(t.x, t.grid, { mode, padding, alignCorners });
      const [dx, dgrid] = grad(sum(mul(y, t.dy)), [t.x, t.grid]);
      return { y, dx, dgrid };
    },
    { x: [n, h, w, c], grid: [n, ...points, 2], dy: [n, ...points, c] },
  );
  program.run({ x, grid, dy });
  const got = await program.read();
  const want = reference.gridSample({ n, h, w, c }, points, mode, padding, alignCorners, x, grid, dy);
  assert.ok(worst(got.y, want.y) < 5e-6, `y ${what}`);
  assert.ok(worst(got.dx, want.dx) < 5e-6, `dx ${what}`);
  // A slope of 0 through cancelling weights leaves rounding: an image of one pixel.
  if (h * w > 1 || mode !== "bicubic")
    assert.ok(worst(got.dgrid, want.dgrid) < 2e-5, `dgrid ${what} ${worst(got.dgrid, want.dgrid)}`);
}

for (const mode of ["bilinear", "nearest", "bicubic"] as const) {
  for (const padding of ["zeros", "border", "reflection"] as const) {
    test(`${mode} with ${padding} and both gradients agree with f64 loops`, async () => {
      for (const alignCorners of [false, true]) {
        for (const [image, points] of cases)
          await check(image, points, mode, padding, alignCorners, noise(2 * image[0] * points[0] * points[1], 5, 1.4));
        if (mode === "bilinear") await check([1, 4, 4, 2], [2, 4], mode, padding, alignCorners, edges);
      }
    });
  }
}

test("many points on one pixel: the gradient sums all, with the same bits run after run", async () => {
  await check([1, 6, 6, 3], [40, 20], "bilinear", "border", true, new Float32Array(1600).fill(0.3));
  const d = await device();
  using program = await d.compile((t) => ({ dx: grad(gridSample(t.x, t.grid), [t.x], t.dy)[0] }), {
    x: [1, 4, 4, 4],
    grid: [1, 30, 30, 2],
    dy: [1, 30, 30, 4],
  });
  const feeds = { x: noise(64), grid: noise(1800, 3), dy: noise(3600, 4) };
  program.run(feeds);
  const first = (await program.read()).dx;
  program.run(feeds);
  assert.equal((await program.read()).dx, first);
});

test("a point that is no number takes nothing from outside, and gives none a gradient", async () => {
  const d = await device();
  using program = await d.compile(
    (t) => {
      const out = gridSample(t.x, t.grid);
      return { out, dx: grad(sum(out), [t.x])[0] };
    },
    { x: [1, 2, 2, 1], grid: [1, 1, 2, 2] },
  );
  program.run({ x: [1, 2, 3, 4], grid: [NaN, 0, Infinity, 0] });
  const { out, dx } = await program.read();
  assert.equal(
    [Array.from(out), Array.from(dx)],
    [
      [0, 0],
      [0, 0, 0, 0],
    ],
  );
});

test("errors say what is wrong and what would be right", () => {
  const x = input("x", [2, 4, 4, 3]);
  const grid = input("grid", [2, 3, 3, 2]);
  const says = (f: () => Tensor, message: RegExp): void => void assert.throws(f, message);
  says(
    () => gridSample(input("x", [4, 4, 3]), grid),
    /gridSample: x is \[4, 4, 3\]; it must be an image batch \[N, H, W, C\]/,
  );
  says(
    () => gridSample(x, input("grid", [2, 3, 3, 3])),
    /gridSample: grid is \[2, 3, 3, 3\]; it must be \[N, P, Q, 2\], two coordinates a point/,
  );
  says(
    () => gridSample(x, input("grid", [1, 3, 3, 2])),
    /gridSample: x \[2, 4, 4, 3\] has N = 2, grid \[1, 3, 3, 2\] has N = 1; they must be equal/,
  );
  says(
    () => gridSample(x, input("grid", [2, 3, 3, 2], "i32")),
    /gridSample: grid is i32\[2, 3, 3, 2\]; it must be f32: cast\(grid, "f32"\) first/,
  );
  says(() => gridSample(input("x", [2, 0, 4, 3]), grid), /x is \[2, 0, 4, 3\]; H and W must be ≥ 1/);
  says(
    () => gridSample(x, grid, { mode: "linear" as "nearest" }),
    /mode is "linear"; it must be "bilinear", "nearest" or "bicubic"/,
  );
  says(
    () => gridSample(x, grid, { padding: "circular" as "zeros" }),
    /padding is "circular"; it must be "zeros", "border" or "reflection"/,
  );
});

test.run();
