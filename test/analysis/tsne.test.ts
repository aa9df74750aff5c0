// t-SNE as a whole: P is scipy's, the map keeps neighbours and parts clusters, seeds decide it, and errors are typed.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Points, type TsneProgress, tsne } from "../../analysis/index.ts";
import { centred, principalPlane } from "../../analysis/points.ts";
import { neighboursOf, symmetric } from "../../analysis/tsne/affinities.ts";
import { keyOf, normal } from "../../data/random.ts";
import { device } from "../helpers/device.ts";

const test = suite("t-SNE");

/** `clusters` clusters of points with a spread of 1, their centres `apart` in each channel. */
function planted({ count, channels, clusters, apart }: Record<string, number>): Points & { labels: number[] } {
  const centre = keyOf(1, "centres");
  const inside = keyOf(2, "inside");
  const labels = Array.from({ length: count }, (_, i) => (i * 7) % clusters);
  const values = Float32Array.from(
    { length: count * channels },
    (_, i) => apart * normal(centre, labels[Math.floor(i / channels)] * channels + (i % channels)) + normal(inside, i),
  );
  return { count, channels, values, labels };
}

/** Others of each point, nearest first, in f64. */
function ranking({
  count,
  channels,
  values,
}: {
  count: number;
  channels: number;
  values: ArrayLike<number>;
}): number[][] {
  const d2 = (i: number, j: number): number => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += (values[i * channels + c] - values[j * channels + c]) ** 2;
    return sum;
  };
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: count }, (_, j) => ({ j, d: d2(i, j) }))
      .filter(({ j }) => j !== i)
      .sort((a, b) => a.d - b.d || a.j - b.j)
      .map(({ j }) => j),
  );
}

/** Venna and Kaski's trustworthiness: 1 where the k nearest of the map are near in the space too. */
function trustworthiness(points: Points, positions: Float32Array, k: number): number {
  const n = points.count;
  const ranks = ranking(points).map((order) => new Map(order.map((j, rank) => [j, rank + 1])));
  const near = ranking({ count: n, channels: 2, values: positions }).map((order) => order.slice(0, k));
  let lost = 0;
  near.forEach((some, i) => {
    for (const j of some) lost += Math.max(0, (ranks[i].get(j) ?? n) - k);
  });
  return 1 - (2 / (n * k * (2 * n - 3 * k - 1))) * lost;
}

/** The part of the points whose nearest of the map is of their own cluster. */
const purity = (positions: Float32Array, labels: readonly number[]): number =>
  ranking({ count: labels.length, channels: 2, values: positions }).filter(([j], i) => labels[j] === labels[i]).length /
  labels.length;

test("P is that of scipy, a copied point among the others", async () => {
  const { perplexity, points, p } = JSON.parse(readFileSync("test/fixtures/tsne-affinities.json", "utf8"));
  const n: number = points.length;
  const space = centred({ count: n, channels: points[0].length, values: Float32Array.from(points.flat()) });
  const k = 3 * perplexity;
  const got = symmetric(await neighboursOf(await device(), space, { k, perplexity }), k);
  const dense = Array.from({ length: n }, () => new Float64Array(n));
  for (let i = 0; i < n; i++)
    for (let s = got.starts[i]; s < got.starts[i + 1]; s++) dense[i][got.columns[s]] = got.values[s];
  const largest = Math.max(...p.flat());
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      assert.ok(Math.abs(dense[i][j] - p[i][j]) < 1e-4 * largest, `p ${i} ${j}: ${dense[i][j]}, scipy ${p[i][j]}`);
});

test("the first map lies along the principal axes", () => {
  // Spread 5 along (3, 4)/5, 2 across, 0.1 beyond.
  const key = keyOf(3);
  const count = 400;
  const values = new Float32Array(count * 3);
  const [along, across]: number[][] = [[], []];
  for (let i = 0; i < count; i++) {
    along.push(5 * normal(key, 3 * i));
    across.push(2 * normal(key, 3 * i + 1));
    values.set(
      [0.6 * along[i] - 0.8 * across[i], 0.8 * along[i] + 0.6 * across[i], 0.1 * normal(key, 3 * i + 2)],
      3 * i,
    );
  }
  const plane = principalPlane({ count, channels: 3, values });
  const correlation = (a: number[], k: number): number => {
    const b = a.map((_, i) => plane[2 * i + k]);
    const dot = (u: number[], v: number[]): number => u.reduce((s, x, i) => s + x * v[i], 0);
    return Math.abs(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)));
  };
  assert.ok(correlation(along, 0) > 0.99 && correlation(across, 1) > 0.98);
});

for (const repulsion of ["exact", "grid"] as const) {
  test(`planted clusters are parted, neighbours kept, and the divergence falls: ${repulsion}`, async () => {
    const points = planted({ count: 420, channels: 16, clusters: 6, apart: 2 });
    const told: TsneProgress[] = [];
    const map = await tsne(await device(), points, {
      perplexity: 20,
      iterations: 300,
      repulsion,
      onProgress: (p) => told.push(p),
    });
    assert.is(map.repulsion, repulsion);
    assert.is(purity(map.positions, points.labels), 1);
    const kept = trustworthiness(points, map.positions, 12);
    assert.ok(kept > 0.93, `trustworthiness ${kept}`);
    const falls = told.flatMap(({ divergence }) => divergence ?? []);
    assert.ok(falls.length === 6 && falls.at(-1) === map.divergence);
    assert.ok(
      falls.every((v, i) => i < 2 || v < falls[i - 1]),
      falls.join(" "),
    );
    assert.ok(map.divergence > 0 && map.divergence < 1, `${map.divergence}`);
    assert.equal(told.at(-1)?.done, 300);
  });
}

test("the divergence is that of a dense f64 loop", async () => {
  const points = planted({ count: 90, channels: 5, clusters: 3, apart: 1 });
  const map = await tsne(await device(), points, { perplexity: 8, iterations: 60 });
  const space = centred(points);
  const p = symmetric(await neighboursOf(await device(), space, { k: 24, perplexity: 8 }), 24);
  const w = (i: number, j: number): number =>
    1 / (1 + [0, 1].reduce((s, a) => s + (map.positions[2 * i + a] - map.positions[2 * j + a]) ** 2, 0));
  let z = 0;
  for (let i = 0; i < 90; i++) for (let j = 0; j < 90; j++) if (i !== j) z += w(i, j);
  let kl = 0;
  for (let i = 0; i < 90; i++)
    for (let s = p.starts[i]; s < p.starts[i + 1]; s++)
      if (p.values[s] > 0) kl += p.values[s] * Math.log(p.values[s] / (w(i, p.columns[s]) / z));
  assert.ok(Math.abs(map.divergence - kl) < 1e-4, `${map.divergence}, in f64 ${kl}`);
});

test("one seed gives one map, another one another; copies of a point are parted by it", async () => {
  const values = new Float32Array(200 * 3).map((_, i) => (i < 300 ? 1 : normal(4, i)));
  const points = { count: 200, channels: 3, values };
  const options = { perplexity: 10, iterations: 20, repulsion: "grid" } as const;
  const maps = await Promise.all(
    [0, 0, 1].map(async (seed) => (await tsne(await device(), points, { ...options, seed })).positions),
  );
  assert.equal(maps[0], maps[1]);
  assert.not.equal(maps[0], maps[2]);
  assert.ok(new Set(maps[0].filter((_, i) => i < 200 && i % 2 === 0)).size > 90);
});

test("points that are all the same have a map too", async () => {
  const points = { count: 40, channels: 2, values: new Float32Array(80).fill(7) };
  const map = await tsne(await device(), points, { perplexity: 5, iterations: 30 });
  assert.ok(map.positions.every(Number.isFinite) && Number.isFinite(map.divergence));
});

test("what cannot be mapped is refused, and says why", async () => {
  const d = await device();
  const points = planted({ count: 100, channels: 4, clusters: 2, apart: 1 });
  const fails = async (given: Points, options: object, code: string, why: RegExp): Promise<void> => {
    const error = await tsne(d, given, options).then(
      () => assert.unreachable("it was mapped"),
      (e) => e,
    );
    assert.is(error.code, code, String(error));
    assert.match(error.message, why);
  };
  await fails(
    points,
    {},
    "usage",
    /a perplexity of 60 needs at least 181 points, got 100; give more points, or a perplexity of at most 33/,
  );
  await fails(points, { perplexity: 0.5 }, "usage", /perplexity is 0.5; it must be at least 1/);
  await fails(
    points,
    { perplexity: 5, iterations: 1.5 },
    "usage",
    /iterations is 1.5; it must be a whole number from 1 on/,
  );
  await fails(
    { ...points, count: 99 },
    { perplexity: 5 },
    "shape",
    /99 points of 4 numbers were said, and 400 numbers given/,
  );
  const values = points.values.slice();
  values[4 * 17 + 2] = NaN;
  await fails({ ...points, values }, { perplexity: 5 }, "numerical", /number 2 of point 17 is NaN/);
});

test("an abort ends it with its reason", async () => {
  const points = planted({ count: 100, channels: 4, clusters: 2, apart: 1 });
  const controller = new AbortController();
  const onProgress = ({ stage, done }: TsneProgress): void => {
    if (stage === "iterations" && done === 3) controller.abort(new Error("enough"));
  };
  const run = tsne(await device(), points, { perplexity: 5, signal: controller.signal, onProgress });
  await run.then(
    () => assert.unreachable("it went on"),
    (e) => assert.is(e.message, "enough"),
  );
});

test.run();
