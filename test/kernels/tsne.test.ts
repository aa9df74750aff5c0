// The kernels of t-SNE against plain f64 loops: neighbours, affinities, forces, and the grid against all pairs.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conditionalOp, nearestOp, neighbourDistancesOp, symmetric } from "../../analysis/tsne/affinities.ts";
import { attraction, gridRepulsion, gridSpectrum, repulsion, twiddlesOf } from "../../analysis/tsne/forces.ts";
import { SIDES, gridFor } from "../../analysis/tsne/grid.ts";
import type { KernelOp } from "../../engine/index.ts";
import { tsneFft } from "../../kernels/tsne/tsne.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { runOp } from "../helpers/run-op.ts";

const test = suite("t-SNE kernels");

/** The k least of a row but for one's own place, by a stable sort: rising columns. */
function least(row: number[], own: number, k: number): number[] {
  return row
    .map((v, j) => ({ v: Math.max(0, v), j }))
    .filter(({ j }) => j !== own)
    .sort((a, b) => a.v - b.v || a.j - b.j)
    .slice(0, k)
    .map(({ j }) => j)
    .sort((a, b) => a - b);
}

const contents: Record<string, (v: number, i: number) => number> = {
  "any distances": (v) => Math.abs(v),
  ties: (v) => Math.floor(Math.abs(v) * 3),
  "all the same": () => 0.25,
  "zeros, huge, tiny and just below zero": (v, i) => [0, 3e38, 1e-40, -1e-9, Math.abs(v)][i % 5],
};
for (const [name, content] of Object.entries(contents)) {
  test(`the nearest of each row: ${name}`, async () => {
    for (const [rows, n, k, first] of [
      [1, 2, 1, 1],
      [3, 7, 6, 4],
      [5, 64, 10, 0],
      [4, 65, 1, 61],
      [2, 1000, 180, 500],
      [3, 4099, 91, 7],
    ]) {
      const d2 = Float32Array.from(noise(rows * n, 5), content);
      const [index] = await runOp(nearestOp, { k }, [
        { shape: [rows, n], data: d2 },
        { shape: [1], data: [first], dtype: "u32" },
      ]);
      for (let r = 0; r < rows; r++)
        assert.equal(
          Array.from(index.subarray(r * k, (r + 1) * k)),
          least(Array.from(d2.subarray(r * n, (r + 1) * n)), first + r, k),
          `row ${r} of ${rows} × ${n}, k ${k}`,
        );
    }
  });
}

test("distances of neighbours lose nothing where points are near each other and far from 0", async () => {
  const [n, c, k, first] = [9, 5, 3, 4];
  const x = Float32Array.from(noise(n * c, 2, 1e-3), (v) => 100 + v);
  const index = [1, 2, 8, 0, 5, 6];
  const [d2] = await runOp(neighbourDistancesOp, {}, [
    { shape: [n, c], data: x },
    { shape: [2, k], data: index, dtype: "u32" },
    { shape: [1], data: [first], dtype: "u32" },
  ]);
  const want = index.map((j, t) => {
    let sum = 0;
    for (let i = 0; i < c; i++) sum += (x[(first + Math.floor(t / k)) * c + i] - x[j * c + i]) ** 2;
    return sum;
  });
  assert.ok(worst(d2, want) < 1e-6, `${worst(d2, want)}`);
});

/** p ∝ exp(−β·d) at the given entropy, by 200 halvings in f64. */
function calibrated(d: number[], entropy: number): number[] {
  const nearest = Math.min(...d);
  const at = (beta: number): { p: number[]; h: number } => {
    const e = d.map((v) => Math.exp(-beta * (v - nearest)));
    const sum = e.reduce((s, v) => s + v, 0);
    const p = e.map((v) => v / sum);
    return { p, h: -p.reduce((s, v) => s + (v > 0 ? v * Math.log(v) : 0), 0) };
  };
  let [low, high] = [0, 1];
  while (at(high).h > entropy && high < 1e30) high *= 2;
  for (let i = 0; i < 200; i++) {
    const beta = (low + high) / 2;
    if (at(beta).h > entropy) low = beta;
    else high = beta;
  }
  return at(high).p;
}

test("affinities have the perplexity that is asked for, at any scale of the distances", async () => {
  const k = 90;
  for (const scale of [1e-12, 1, 1e12]) {
    const d2 = Float32Array.from(noise(7 * k, 3), (v) => (1 + v) ** 2 * scale);
    const [p] = await runOp(conditionalOp, { entropy: Math.log(30) }, [{ shape: [7, k], data: d2 }]);
    for (let r = 0; r < 7; r++) {
      const row = Array.from(p.subarray(r * k, (r + 1) * k));
      const want = calibrated(Array.from(d2.subarray(r * k, (r + 1) * k)), Math.log(30));
      assert.ok(worst(row, want) < 2e-4, `scale ${scale}, row ${r}: ${worst(row, want)}`);
      const entropy = -row.reduce((s, v) => s + (v > 0 ? v * Math.log(v) : 0), 0);
      assert.ok(Math.abs(Math.exp(entropy) - 30) < 1e-3, `${Math.exp(entropy)}`);
    }
  }
});

test("affinities are even among points that are all as near, and among more copies than the perplexity", async () => {
  const [same] = await runOp(conditionalOp, { entropy: Math.log(2) }, [{ shape: [1, 6], data: [3, 3, 3, 3, 3, 3] }]);
  assert.ok(
    worst(
      same,
      [1, 1, 1, 1, 1, 1].map((v) => v / 6),
    ) < 1e-6,
  );
  const [copies] = await runOp(conditionalOp, { entropy: Math.log(2) }, [{ shape: [1, 6], data: [0, 0, 0, 0, 5, 9] }]);
  assert.ok(worst(copies, [0.25, 0.25, 0.25, 0.25, 0, 0]) < 1e-6, String(copies));
});

test("P is symmetric, sums to 1 and is that of a dense f64 loop", () => {
  const [n, k] = [23, 5];
  const rows = Array.from({ length: n }, (_, i) =>
    least(Array.from(noise(n, i + 1), Math.abs), i, k).map((j, s) => ({ j, p: (s + 1) / 15 })),
  );
  const p = symmetric(
    { index: Uint32Array.from(rows.flat(), ({ j }) => j), p: Float32Array.from(rows.flat(), (r) => r.p) },
    k,
  );
  const dense = Array.from({ length: n }, () => new Float64Array(n));
  rows.forEach((row, i) => {
    for (const { j, p } of row) {
      dense[i][j] += p / (2 * n);
      dense[j][i] += p / (2 * n);
    }
  });
  const got = Array.from({ length: n }, () => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    for (let s = p.starts[i]; s < p.starts[i + 1]; s++) {
      assert.is(got[i][p.columns[s]], 0);
      got[i][p.columns[s]] = p.values[s];
    }
  }
  got.forEach((row, i) => assert.ok(worst(row, dense[i]) < 1e-6));
  assert.ok(Math.abs(p.values.reduce((s, v) => s + v, 0) - 1) < 1e-6);
});

test("attraction and its part of the divergence agree with f64 loops", async () => {
  const n = 131;
  const y = noise(2 * n, 4, 5);
  // Rows of 0, 1, 2 … neighbours.
  const starts = [0];
  for (let i = 0; i < n; i++) starts.push(starts[i] + (i % 17));
  const columns = Array.from({ length: starts[n] }, (_, s) => (s * 37) % n);
  const p = Float32Array.from(noise(columns.length, 9), (v) => (v + 1) / columns.length);
  const want: number[] = [];
  for (let i = 0; i < n; i++) {
    const f = [0, 0, 0, 0];
    for (let s = starts[i]; s < starts[i + 1]; s++) {
      const [dx, dy] = [0, 1].map((a) => y[2 * i + a] - y[2 * columns[s] + a]);
      const q = 1 + dx * dx + dy * dy;
      f[0] += (p[s] / q) * dx;
      f[1] += (p[s] / q) * dy;
      f[2] += p[s] * Math.log(q);
    }
    want.push(...f);
  }
  const inputs = [
    tensor(y, [n, 2]),
    tensor(starts, [n + 1], "u32"),
    tensor(columns, [columns.length], "u32"),
    tensor(p),
  ] as const;
  const d = await device();
  assert.ok(worst(await d.evaluate(attraction(inputs, true)), want) < 1e-5);
  const without = want.map((v, i) => (i % 4 === 2 ? 0 : v));
  assert.ok(worst(await d.evaluate(attraction(inputs)), without) < 1e-5);
});

/** Σ w²·(y_i − y_j), Σ_{j ≠ i} w, 0 of each point in f64. */
function allPairs(y: ArrayLike<number>): number[] {
  const n = y.length / 2;
  const f = new Array<number>(4 * n).fill(0);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      const dx = y[2 * i] - y[2 * j];
      const dy = y[2 * i + 1] - y[2 * j + 1];
      const w = 1 / (1 + dx * dx + dy * dy);
      f[4 * i] += w * w * dx;
      f[4 * i + 1] += w * w * dy;
      f[4 * i + 2] += w;
    }
  return f;
}
const columnOf = (f: ArrayLike<number>, k: number): number[] => Array.from(f).filter((_, i) => i % 4 === k);

test("repulsion over all pairs agrees with f64 loops", async () => {
  const d = await device();
  for (const n of [1, 2, 63, 64, 65, 256, 257, 700]) {
    for (const extent of [1e-4, 1, 40]) {
      const y = noise(2 * n, n, extent);
      const got = await d.evaluate(repulsion(tensor(y, [n, 2])));
      const want = allPairs(y);
      for (const k of [0, 1, 2]) {
        const off = worst(columnOf(got, k), columnOf(want, k));
        // Equal and opposite forces of a tiny map cancel, to the bits of its coordinates.
        assert.ok(off < (k === 2 ? 1e-6 : 2e-5), `${n} points over ${extent}, column ${k}: ${off}`);
      }
    }
  }
});

/** The transform of each row of `live` complex numbers, as columns: of `keep` frequencies, in f64. */
function transformed(
  x: ArrayLike<number>,
  side: number,
  rows: number,
  live: number,
  keep: number,
  sign: number,
): number[] {
  const y = new Array<number>(2 * keep * rows).fill(0);
  for (let r = 0; r < rows; r++)
    for (let f = 0; f < keep; f++)
      for (let t = 0; t < live; t++) {
        const turn = (sign * 2 * Math.PI * ((f * t) % side)) / side;
        const [re, im] = [x[2 * (r * live + t)], x[2 * (r * live + t) + 1]];
        y[2 * (f * rows + r)] += re * Math.cos(turn) - im * Math.sin(turn);
        y[2 * (f * rows + r) + 1] += re * Math.sin(turn) + im * Math.cos(turn);
      }
  return y;
}

test("rows are transformed at every size, both ways, short ones as if zeros followed", async () => {
  for (const side of SIDES)
    for (const [live, keep, inverse] of [
      [side, side, 0],
      [side / 2, side, 0],
      [side - 3, 5, 1],
    ]) {
      const rows = 2;
      const op: KernelOp = {
        kind: "kernel",
        name: "fft",
        infer: () => [{ shape: [keep, rows, 2], dtype: "f32" }],
        lower: (l) =>
          l.dispatch(
            tsneFft,
            { side, inverse, batch: 1, rows, live, keep, apart: 0, scale: 1 },
            { x: l.input(0), twiddles: l.input(1), y: l.output(0) },
          ),
      };
      const x = noise(2 * rows * live, side);
      const [y] = await runOp(op, {}, [
        { shape: [rows, live, 2], data: x },
        { shape: [side / 2, 2], data: twiddlesOf(side) },
      ]);
      const off = worst(y, transformed(x, side, rows, live, keep, inverse ? 1 : -1));
      assert.ok(off < 2e-6, `${side}, ${live} in, ${keep} out: ${off}`);
    }
});

/** Repulsion by the grid that a map's extent asks for, or by the largest of `most`. */
async function byGrid(y: Float32Array, most?: number): Promise<{ f: ArrayLike<number>; side: number }> {
  const n = y.length / 2;
  const at = (k: number): number[] => Array.from(y).filter((_, i) => i % 2 === k);
  const bounds = {
    low: [Math.min(...at(0)), Math.min(...at(1))] as const,
    high: [Math.max(...at(0)), Math.max(...at(1))] as const,
  };
  const { side, spacing, box } = gridFor(bounds, most);
  const twiddles = tensor(twiddlesOf(side), [side / 2, 2]);
  const spectrum = gridSpectrum(tensor([spacing]), twiddles, side);
  const f = await (await device()).evaluate(gridRepulsion([tensor(y, [n, 2]), tensor(box), spectrum, twiddles]));
  return { f, side };
}

/** Points in clumps, as maps are. */
const clumps = (n: number, extent: number): Float32Array => {
  const centres = noise(40, 11, extent);
  const inside = noise(2 * n, 12, extent / 6);
  return inside.map((v, i) => v + centres[2 * ((i >> 1) % 20) + (i % 2)]);
};

for (const [extent, side] of [
  [1e-4, 64],
  [3, 64],
  [12, 256],
  [45, 1024],
] as const) {
  test(`repulsion by a grid agrees with all pairs: a map of ± ${extent}`, async () => {
    const y = clumps(1500, extent);
    const { f, side: taken } = await byGrid(y);
    assert.is(taken, side);
    const want = allPairs(y);
    const offs = [0, 1, 2].map((k) => worst(columnOf(f, k), columnOf(want, k)));
    // Of the largest force, and of the largest part of Z.
    assert.ok(offs[0] < 0.01 && offs[1] < 0.01 && offs[2] < 0.002, offs.join(", "));
  });
}

test.run();
