import { suite } from "uvu";
import * as assert from "uvu/assert";
import { squaredDistances } from "../../metrics/distance-transform.ts";
import { surfelAreas } from "../../metrics/surfel-area.ts";
import { type MaskPair, hausdorff, hausdorff95, surfaceDice, surfaceDistances } from "../../metrics/surface.ts";
import { keyOf, uniform } from "../../data/random.ts";

const test = suite("surface distances");
type Three = readonly [number, number, number];

const close = (a: number, b: number, what = "", tolerance = 1e-9): void =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${what} ${a} is not ${b}`);
const maskOf = ([nx, ny, nz]: Three, inside: (x: number, y: number, z: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: nx * ny * nz }, (_, i) =>
    Number(inside(i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny)))),
  );
/** A box of voxels from `low` to `high`, both included. */
const box = (shape: Three, low: Three, high: Three): Uint8Array =>
  maskOf(shape, (...p) => p.every((v, d) => v >= low[d]! && v <= high[d]!));
const random = (shape: Three, seed: number, part: number): Uint8Array =>
  maskOf(shape, (x, y, z) => uniform(keyOf(seed, "mask"), x + 100 * (y + 100 * z)) < part);

test("the distance transform is the nearest site's distance, on grids of any shape and spacing", () => {
  for (const [seed, shape, mm, part] of [
    [1, [7, 5, 4], [1, 1, 1], 0.05],
    [2, [1, 9, 6], [0.7, 2, 5], 0.1],
    [3, [12, 1, 1], [3, 1, 1], 0.2],
    [4, [6, 7, 8], [0.98, 0.98, 3], 0.02],
    [5, [5, 5, 5], [10, 1, 0.1], 0.3],
    [6, [1, 1, 1], [1, 2, 3], 1.1],
  ] as [number, Three, Three, number][]) {
    const sites = random(shape, seed, part);
    const d = squaredDistances(sites, shape, mm);
    const at = (i: number): number[] => [
      i % shape[0],
      Math.floor(i / shape[0]) % shape[1],
      Math.floor(i / (shape[0] * shape[1])),
    ];
    for (let i = 0; i < d.length; i++) {
      let best = Infinity;
      for (let j = 0; j < d.length; j++)
        if (sites[j])
          best = Math.min(
            best,
            at(i).reduce((s, v, k) => s + (mm[k]! * (v - at(j)[k]!)) ** 2, 0),
          );
      if (best === Infinity) assert.is(d[i], Infinity);
      else close(d[i]!, best, `seed ${seed}, voxel ${i}:`);
    }
  }
  assert.ok(squaredDistances(new Uint8Array(24), [2, 3, 4], [1, 1, 1]).every((v) => v === Infinity));
});

test("a cube's surface: one corner cut off, half of it, and the same seen from outside", () => {
  const [a, b, c] = [2, 3, 5];
  const areas = surfelAreas([a, b, c]);
  const corner = Math.hypot(a * b, b * c, a * c) / 8;
  for (let bit = 0; bit < 8; bit++) {
    close(areas[1 << bit]!, corner, `corner ${bit}`);
    close(areas[255 - (1 << bit)]!, corner, `all but corner ${bit}`);
  }
  assert.is(areas[0], 0);
  assert.is(areas[255], 0);
  close(areas[0b01010101]!, b * c, "x = ½");
  close(areas[0b00110011]!, a * c, "y = ½");
  close(areas[0b00001111]!, a * b, "z = ½");
  close(areas[0b00000011]!, a * 0.5 * Math.hypot(b, c), "an edge along x");
  close(areas[0b10000001]!, 2 * corner, "two opposite corners");
  // Corners across a face are cut off one by one.
  close(areas[0b00001001]!, 2 * corner, "two corners across a face");
  assert.ok(areas.every((v) => Number.isFinite(v)));
});

/**
 * The triangles of the neighbour codes 0 … 127 in the published table (DeepMind's surface-distance, lookup_tables.py);
 * code 255 − c has those of c. Each by the size of its normal, in eighths: 1, 2, 3 for (n, n, n), x, y, z for (0, 2,
 * 2), (2, 0, 2), (2, 2, 0), and X, Y, Z for (4, 0, 0), (0, 4, 0), (0, 0, 4).
 */
const PUBLISHED = [
  "- 1 1 zz 1 yy 11 X21 1 11 yy X21 zz X21 X21 XX",
  "1 xx 11 Y21 11 Z21 111 1221 11 xx1 yy1 13xy 1zz 3x1z X121 X12",
  "1 11 xx Y12 11 1yy xx1 3x1y 11 111 Z21 2211 1zz X211 x31z X21",
  "zz Y21 Y12 YY zz1 3y1z 1Y21 Y21 1zz Y211 3z1y Y21 zzzz zz1 1zz zz",
  "1 11 11 1zz xx Z21 xx1 3x1z 11 111 1yy X211 Y21 2211 y3x1 X21",
  "yy Z21 1yy y3z1 Z21 ZZ 112Z 12Z yy1 Z211 yyyy 1yy y3z1 Z21 1yy yy",
  "11 111 1xx Y121 xx1 Z211 xxxx xx1 111 1111 Z211 111 Y211 111 xx1 11",
  "X21 2121 3x1y Y21 3zx1 12Z 1xx xx X211 111 1yy 11 zz1 11 11 1",
].flatMap((row) => row.split(" "));

test("the areas of all 256 neighbour codes are those of the published table, whatever the spacing", () => {
  for (const [a, b, c] of [
    [1, 1, 1],
    [0.7, 1.3, 5],
    [3, 0.5, 0.5],
  ] as const) {
    const normals: Record<string, Three> = {
      ...{ 1: [1, 1, 1], 2: [2, 2, 2], 3: [3, 3, 3] },
      ...{ x: [0, 2, 2], y: [2, 0, 2], z: [2, 2, 0], X: [4, 0, 0], Y: [0, 4, 0], Z: [0, 0, 4], "-": [0, 0, 0] },
    };
    const areas = surfelAreas([a, b, c]);
    for (let code = 0; code < 256; code++) {
      const want = [...PUBLISHED[Math.min(code, 255 - code)]!].reduce((sum, triangle) => {
        const [x, y, z] = normals[triangle]!;
        return sum + Math.hypot(x * b * c, y * a * c, z * a * b) / 8;
      }, 0);
      // The table's bit 7 is the voxel at 0, 0, 0 and its bit 0 that at 1, 1, 1, the last axis fastest.
      let own = 0;
      for (let x = 0; x < 2; x++)
        for (let y = 0; y < 2; y++)
          for (let z = 0; z < 2; z++) own |= ((code >> (7 - 4 * x - 2 * y - z)) & 1) << (x + 2 * y + 4 * z);
      close(areas[own]!, want, `code ${code}:`);
    }
  }
});

/** Voxels of small masks and what the published code, run in Python, says of them. */
const SMALL = [
  {
    a: [118, 119, 121, 191, 192, 200, 201, 202, 210, 211, 291],
    b: [60, 140, 141, 142, 193, 202, 211, 212, 213, 214, 221, 222, 283],
    want: { hd95: 3.0990321069650117, hd100: 5.716922248902813, sdsc1: 0.6020339647925935, sdsc3: 0.9413433835840016 },
  },
  {
    a: [112, 193, 194, 201, 202, 203, 211, 284],
    b: [122, 202, 203, 211],
    want: { hd95: 1.3859292911256331, hd100: 5, sdsc1: 0.952605781821673, sdsc3: 0.968403854547782 },
  },
];

test("small lesions score as by the published code", () => {
  const shape: Three = [9, 9, 5];
  const mask = (voxels: readonly number[]): Uint8Array => {
    const m = new Uint8Array(9 * 9 * 5);
    for (const i of voxels) m[i] = 1;
    return m;
  };
  for (const { a, b, want } of SMALL) {
    const d = surfaceDistances({ a: mask(a), b: mask(b), shape, spacingMm: [0.98, 0.98, 5] });
    close(hausdorff(d), want.hd95);
    close(hausdorff(d, 100), want.hd100);
    close(surfaceDice(d, 1), want.sdsc1);
    close(surfaceDice(d, 3), want.sdsc3);
  }
});

test("a tolerance that is a multiple of the spacing takes in what is that far away", () => {
  for (const spacing of [0.1, 0.2, 0.3, 0.7, 0.9, 1.1].flatMap((s) => [s, Math.fround(s)]))
    for (let n = 1; n < 16; n++) {
      const shape: Three = [n + 3, 3, 3];
      const at = (x: number): Uint8Array => box(shape, [x, 1, 1], [x, 1, 1]);
      for (const [tolerance, want] of [
        [n * Math.round(spacing * 10) * 0.1, 1],
        [n * spacing * 0.999, undefined],
      ] as const) {
        const got = surfaceDice(
          surfaceDistances({ a: at(1), b: at(1 + n), shape, spacingMm: [spacing, spacing, spacing] }),
          tolerance,
        );
        if (want) assert.is(got, want, `${n} voxels of ${spacing} mm`);
        else assert.ok(got < 1);
      }
    }
});

test("the surface of a box is its faces, bevelled at edges and corners", () => {
  const shape: Three = [12, 10, 9];
  const mm: Three = [0.9, 1.1, 4];
  const n: Three = [5, 4, 3];
  const solid = box(shape, [3, 2, 1], [7, 5, 3]);
  const { aToB } = surfaceDistances({ a: solid, b: solid, shape, spacingMm: mm });
  const side = n.map((v, d) => (v - 1) * mm[d]!);
  const faces = 2 * (side[0]! * side[1]! + side[1]! * side[2]! + side[0]! * side[2]!);
  const edges =
    2 *
    (side[0]! * Math.hypot(mm[1], mm[2]) + side[1]! * Math.hypot(mm[0], mm[2]) + side[2]! * Math.hypot(mm[0], mm[1]));
  close(
    aToB.areasMm2.reduce((s, v) => s + v, 0),
    faces + edges + Math.hypot(mm[0] * mm[1], mm[1] * mm[2], mm[0] * mm[2]),
  );
});

/** By definition: every element's distance to every element of the other surface. */
function brute({ a, b, shape: [nx, ny, nz], spacingMm }: MaskPair): {
  aToB: [number, number][];
  bToA: [number, number][];
} {
  const areas = surfelAreas(spacingMm);
  const elements = (mask: ArrayLike<number>): { at: number[]; area: number }[] => {
    const found: { at: number[]; area: number }[] = [];
    for (let z = -1; z < nz; z++)
      for (let y = -1; y < ny; y++)
        for (let x = -1; x < nx; x++) {
          let code = 0;
          for (let c = 0; c < 8; c++) {
            const [i, j, k] = [x + (c & 1), y + ((c >> 1) & 1), z + (c >> 2)];
            if (i >= 0 && j >= 0 && k >= 0 && i < nx && j < ny && k < nz && mask[i + nx * (j + ny * k)] !== 0)
              code |= 1 << c;
          }
          if (code !== 0 && code !== 255) found.push({ at: [x, y, z], area: areas[code]! });
        }
    return found;
  };
  const A = elements(a);
  const B = elements(b);
  const directed = (from: typeof A, to: typeof A): [number, number][] =>
    from
      .map(({ at, area }): [number, number] => [
        Math.min(...to.map((q) => Math.hypot(...at.map((v, d) => (v - q.at[d]!) * spacingMm[d]!)))),
        area,
      ])
      .sort((p, q) => p[0] - q[0]);
  return { aToB: directed(A, B), bToA: directed(B, A) };
}

for (const [seed, shape, mm, part] of [
  [1, [9, 8, 6], [1, 1, 1], 0.3],
  [2, [9, 8, 6], [0.8, 0.8, 5], 0.1],
  [3, [14, 3, 1], [2, 1, 3], 0.2],
  [4, [5, 5, 5], [1, 2, 3], 0.9],
] as [number, Three, Three, number][]) {
  test(`masks of ${shape.join(" × ")} voxels, ${part} filled: HD95 and surface Dice are as they are defined`, () => {
    const pair: MaskPair = { a: random(shape, seed, part), b: random(shape, seed + 100, part), shape, spacingMm: mm };
    const want = brute(pair);
    const got = surfaceDistances(pair);
    const area = (list: [number, number][], within = Infinity): number =>
      list.reduce((s, [d, v]) => (d <= within ? s + v : s), 0);
    for (const percent of [50, 95, 100]) {
      const directed = (list: [number, number][]): number =>
        list.find(([d]) => area(list, d) >= (percent / 100 - 1e-12) * area(list))![0];
      close(hausdorff(got, percent), Math.max(directed(want.aToB), directed(want.bToA)), `${percent} %:`);
    }
    for (const tolerance of [0, 1, 2.5, 100])
      close(
        surfaceDice(got, tolerance),
        (area(want.aToB, tolerance + 1e-9) + area(want.bToA, tolerance + 1e-9)) / (area(want.aToB) + area(want.bToA)),
        `${tolerance} mm:`,
      );
  });
}

test("a shifted box is the shift away, in millimetres", () => {
  const shape: Three = [20, 20, 12];
  const mm: Three = [1, 1, 3];
  const a = box(shape, [4, 4, 3], [11, 11, 6]);
  const b = box(shape, [4, 4, 4], [11, 11, 7]);
  const pair: MaskPair = { a, b, shape, spacingMm: mm };
  close(hausdorff95(pair), 3);
  close(hausdorff(surfaceDistances(pair), 100), 3);
  assert.is(surfaceDice(surfaceDistances(pair), 3), 1);
  assert.ok(surfaceDice(surfaceDistances(pair), 2.9) < 1);
  assert.is(hausdorff95({ ...pair, b: a }), 0);
  assert.is(surfaceDice(surfaceDistances({ ...pair, b: a }), 0), 1);
});

test("a far speck moves the maximum and not the 95th percentile, and HD95 is symmetric", () => {
  const shape: Three = [40, 20, 12];
  const mm: Three = [1, 1, 1];
  const a = box(shape, [4, 4, 3], [13, 13, 9]);
  const b = Uint8Array.from(a);
  b[35 + 40 * (10 + 20 * 6)] = 1;
  const there = surfaceDistances({ a, b, shape, spacingMm: mm });
  assert.is(hausdorff(there, 95), 0);
  assert.ok(hausdorff(there, 100) > 20);
  const back = surfaceDistances({ a: b, b: a, shape, spacingMm: mm });
  assert.is(hausdorff(back, 100), hausdorff(there, 100));
  close(surfaceDice(back, 1), surfaceDice(there, 1));
});

test("empty masks: both NaN; one is infinitely far and shares no surface", () => {
  const shape: Three = [3, 3, 3];
  const mm: Three = [1, 1, 1];
  const empty = new Uint8Array(27);
  const dot = box(shape, [1, 1, 1], [1, 1, 1]);
  const none = surfaceDistances({ a: empty, b: empty, shape, spacingMm: mm });
  const one = surfaceDistances({ a: dot, b: empty, shape, spacingMm: mm });
  assert.ok(Number.isNaN(hausdorff(none)) && Number.isNaN(surfaceDice(none, 2)));
  assert.is(hausdorff(one), Infinity);
  assert.is(surfaceDice(one, 1e9), 0);
  assert.throws(() => surfaceDistances({ a: empty, b: dot, shape: [3, 3, 4], spacingMm: mm }), /do not fill 3 × 3 × 4/);
  assert.throws(() => surfaceDistances({ a: empty, b: dot, shape, spacingMm: [1, 0, 1] }), /spacing/);
});

test("a mask at the border of its grid has a surface there", () => {
  const shape: Three = [2, 2, 2];
  const all = new Uint8Array(8).fill(1);
  assert.is(surfaceDistances({ a: all, b: all, shape, spacingMm: [1, 1, 1] }).aToB.distancesMm.length, 26);
});

test("a whole scan takes seconds at most", () => {
  const shape: Three = [256, 256, 100];
  const ball = (r: number): Uint8Array => {
    const mask = new Uint8Array(256 * 256 * 100);
    for (let z = 0, i = 0; z < 100; z++)
      for (let y = 0; y < 256; y++)
        for (let x = 0; x < 256; x++, i++)
          mask[i] = Number((x - 128) ** 2 + (y - 128) ** 2 + (3 * (z - 50)) ** 2 < r * r);
    return mask;
  };
  const [a, b] = [ball(90), ball(87)];
  const start = performance.now();
  close(hausdorff95({ a, b, shape, spacingMm: [1, 1, 3] }), Math.sqrt(10));
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds < 30, `${seconds.toFixed(1)} s`);
});

test.run();
