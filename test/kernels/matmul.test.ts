// Matrix products: every kernel against f64 loops, broadcasting, and the messages of what can't be multiplied.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { ShapeError } from "../../engine/errors.ts";
import { grad } from "../../engine/grad.ts";
import type { KernelOp } from "../../engine/op.ts";
import { linear, matmul, matmulOp } from "../../engine/ops/matmul.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise, worst } from "../helpers/device.ts";
import { runGraph } from "../helpers/run-graph.ts";
import { rawDevice, runOp, runsOn } from "../helpers/run-op.ts";
import * as reference from "../reference/matmul.ts";

const test = suite("matmul");

interface Case {
  batch?: number;
  batchA?: number;
  batchB?: number;
  m: number;
  k: number;
  n: number;
}
/** Tiles of other widths: run for a·b alone, for each is a pipeline more. */
const otherTiles: readonly Case[] = [
  { m: 5, k: 8, n: 4 },
  { m: 20, k: 12, n: 36 },
  { m: 68, k: 20, n: 68 },
  { batch: 3, m: 4, k: 8, n: 8 },
];
const cases: readonly Case[] = [
  { m: 16, k: 16, n: 16 },
  { m: 68, k: 20, n: 32 },
  { m: 64, k: 4, n: 16 },
  { m: 1, k: 1, n: 1 },
  { m: 3, k: 5, n: 7 },
  { m: 9, k: 100, n: 1 },
  { m: 1, k: 7, n: 9 },
  { m: 17, k: 6, n: 2 },
  { batch: 2, m: 20, k: 8, n: 16 },
  { batch: 2, m: 7, k: 3, n: 5 },
  { batch: 3, batchA: 1, m: 20, k: 16, n: 16 },
  { batch: 3, batchB: 1, m: 20, k: 16, n: 16 },
  { batch: 2, batchB: 1, m: 3, k: 2, n: 3 },
  { m: 4, k: 0, n: 4 },
  { m: 0, k: 4, n: 4 },
];
const variants: readonly (readonly [string, Partial<Traits>, boolean])[] = [
  ["CPU with subgroups", { cpu: true, subgroups: true }, false],
  ["CPU with subgroups of eight", { cpu: true, subgroups: true, lanes: 8 }, false],
  ["GPU", { cpu: false }, false],
  ["direct", {}, true],
];
const directOnly = <A extends object>(op: KernelOp<A>): KernelOp<A> => ({
  ...op,
  lower: (l, a) => op.lower({ ...l, select: (kernels) => kernels.at(-1)! }, a),
});

for (const transposeA of [false, true])
  for (const transposeB of [false, true]) {
    test(`${transposeA ? "aᵀ" : "a"}·${transposeB ? "bᵀ" : "b"} agrees with f64 loops`, async () => {
      const { device } = await rawDevice();
      const all = transposeA || transposeB ? cases : [...cases, ...otherTiles];
      for (const { batch = 1, batchA = batch, batchB = batch, m, k, n } of all) {
        const a = { shape: transposeA ? [batchA, k, m] : [batchA, m, k], data: noise(batchA * m * k, 1) };
        const b = { shape: transposeB ? [batchB, n, k] : [batchB, k, n], data: noise(batchB * k * n, 2) };
        const want = reference.matmul(a.data, b.data, { batch, batchA, batchB, m, k, n, transposeA, transposeB });
        for (const [name, traits, direct] of variants) {
          if (!runsOn(device, traits)) continue;
          // Software adapters compile the tiled kernel for seconds: its two switches, which are independent, are both
          // off or both on.
          if (name === "GPU" && transposeA !== transposeB) continue;
          const [got] = await runOp(
            direct ? directOnly(matmulOp) : matmulOp,
            { transposeA, transposeB },
            [a, b],
            traits,
          );
          const error = worst(got, want);
          assert.ok(error < 1e-5, `${batch} × ${m} × ${k} × ${n}, ${name}: off by ${error} of the largest value`);
        }
      }
    });
  }

test("every value of a tunable agrees", async () => {
  const { device } = await rawDevice();
  const [m, k, n] = [68, 20, 68];
  const a = { shape: [1, m, k], data: noise(m * k, 1) };
  const b = { shape: [1, k, n], data: noise(k * n, 2) };
  const want = reference.matmul(a.data, b.data, {
    batch: 1,
    batchA: 1,
    batchB: 1,
    m,
    k,
    n,
    transposeA: false,
    transposeB: false,
  });
  for (const [name, traits] of variants.filter(([, t]) => runsOn(device, t))) {
    for (const turn of [1, 2, 3]) {
      const retuned: typeof matmulOp = {
        ...matmulOp,
        lower: (l, attrs) =>
          matmulOp.lower(
            {
              ...l,
              dispatch: (kernel, p, buffers) =>
                l.dispatch(
                  kernel,
                  p,
                  buffers,
                  Object.fromEntries(
                    Object.entries(kernel.tunables ?? {}).map(([t, values]) => [t, values[turn % values.length]]),
                  ),
                ),
            },
            attrs,
          ),
      };
      const [got] = await runOp(retuned, { transposeA: false, transposeB: false }, [a, b], traits);
      assert.ok(
        worst(got, want) < 1e-5,
        `${name}, tunables number ${turn}: off by ${worst(got, want)} of the largest value`,
      );
    }
  }
});

test("leading dimensions broadcast, vectors are rows or columns", async () => {
  const shapes: readonly (readonly [number[], number[], number[]])[] = [
    [[3], [3], []],
    [[3], [3, 4], [4]],
    [[2, 3], [3], [2]],
    [[2, 5, 3], [3], [2, 5]],
    [
      [2, 5, 3],
      [3, 4],
      [2, 5, 4],
    ],
    [
      [5, 3],
      [2, 3, 4],
      [2, 5, 4],
    ],
    [
      [2, 1, 5, 3],
      [3, 3, 4],
      [2, 3, 5, 4],
    ],
    [
      [1, 1, 5, 3],
      [3, 4],
      [1, 1, 5, 4],
    ],
    [
      [0, 5, 3],
      [3, 4],
      [0, 5, 4],
    ],
  ];
  for (const [sa, sb, sy] of shapes) {
    const a = input("a", sa);
    const b = input("b", sb);
    const y = matmul(a, b);
    assert.equal(y.shape, sy);
    const da = noise(a.size, 3);
    const db = noise(b.size, 4);
    // Index by index: the batch coordinate of y, reduced to each side's.
    const rowsA = sa.length > 1 ? sa.at(-2)! : 1;
    const k = sa.at(-1)!;
    const n = sb.length > 1 ? sb.at(-1)! : 1;
    const batch = sy.slice(0, sy.length - (sa.length > 1 ? 1 : 0) - (sb.length > 1 ? 1 : 0));
    const count = batch.reduce((p, q) => p * q, 1);
    const start = (lead: number[], i: number): number => {
      let at = 0;
      lead.forEach((size, d) => {
        const after = batch.slice(batch.length - lead.length + d + 1).reduce((p, q) => p * q, 1);
        at = at * size + (size === 1 ? 0 : Math.floor(i / after) % size);
      });
      return at;
    };
    const want = Array.from({ length: count }, (_, i) => [
      ...reference.matmul(
        da.subarray(start(sa.slice(0, -2), i) * rowsA * k),
        db.subarray(start(sb.slice(0, -2), i) * k * n),
        { batch: 1, m: rowsA, k, n },
      ),
    ]).flat();
    assert.ok(
      worst(
        await runGraph(
          y,
          new Map([
            [a, da],
            [b, db],
          ]),
        ),
        want,
      ) < 1e-5,
      `${JSON.stringify(sa)} · ${JSON.stringify(sb)}`,
    );
  }
});

test("gradients are products with the other side exchanged, for each way of storing", async () => {
  const [m, k, n] = [5, 4, 3];
  for (const transposeA of [false, true])
    for (const transposeB of [false, true]) {
      const a = input("a", transposeA ? [2, k, m] : [2, m, k]);
      const b = input("b", transposeB ? [2, n, k] : [2, k, n]);
      const seed = input("seed", [2, m, n]);
      const feeds = new Map([
        [a, noise(a.size, 5)],
        [b, noise(b.size, 6)],
        [seed, noise(seed.size, 7)],
      ]);
      const value = (x: Float32Array, z: Float32Array): number => {
        const y = reference.matmul(x, z, { batch: 2, m, k, n, transposeA, transposeB });
        return y.reduce((s, v, i) => s + v * feeds.get(seed)![i], 0);
      };
      const grads = grad(matmul(a, b, { transposeA, transposeB }), [a, b], seed);
      for (const [i, t] of [a, b].entries()) {
        const got = await runGraph(grads[i], feeds);
        // y is linear in each side, so a difference of 1 is the derivative.
        const want = Array.from({ length: t.size }, (_, j) => {
          const moved = Float32Array.from(feeds.get(t)!);
          moved[j] += 1;
          return i === 0
            ? value(moved, feeds.get(b)!) - value(feeds.get(a)!, feeds.get(b)!)
            : value(feeds.get(a)!, moved) - value(feeds.get(a)!, feeds.get(b)!);
        });
        assert.ok(worst(got, want) < 1e-5, `d${i === 0 ? "a" : "b"}, ${transposeA}, ${transposeB}`);
      }
    }
});

test("linear keeps the leading dimensions and adds the bias after the product", () => {
  const y = linear(input("x", [2, 3, 4]), input("w", [4, 5]), input("b", [5]));
  assert.equal(y.shape, [2, 3, 5]);
  assert.is(y.node.op.name, "add");
});

test("errors name the sizes that disagree", () => {
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
  const t = (...shape: number[]) => input("t", shape);
  fails(
    () => matmul(t(2, 3), t(4, 5)),
    "matmul",
    "a [2, 3] has K = 3 along its columns",
    "b [4, 5] has K = 4 along its rows",
  );
  fails(() => matmul(t(2, 3), t(3, 5), { transposeB: true }), "b [3, 5] (transposed) has K = 5");
  fails(() => matmul(t(), t(3, 5)), "a is a scalar");
  fails(() => matmul(t(2, 4, 3), t(3, 3, 5)), "[2] and [3] do not broadcast");
  fails(() => matmul(input("a", [2, 3], "i32"), t(3, 5)), "a is i32[2, 3]", "cast it to f32");
  fails(() => linear(t(2, 3), t(4, 5)), "linear", "x [2, 3] must end in I = 4");
  fails(() => linear(t(2, 4), t(4, 5), t(4)), "bias is [4]", "O = 5");
  fails(() => linear(t(2, 4), t(4)), "w is [4]", "[I, O]");
});

test.run();
