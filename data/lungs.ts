// The lungs of a CT, as the CMEDL paper finds the slices that it tests on (IV-B1): voxels below −300 HU, connected, the
// two largest parts. What the paper leaves open, and was chosen here: air outside the body is, in each axial slice,
// what is connected with the slice's border; connected means by the sides of voxels; a part of a mean below −940 HU is
// air or foam, as within a couch or the bowel, and none of the two; a second part counts where it is a tenth of the
// first or more, for lungs that the airways join are one part.
import type { Shape3, Volume, VoxelArray } from "./volume.ts";
import { storedSlice } from "./volume.ts";

/** Air and lung lie below, in HU. */
const AIR_HU = -300;
/** A lung's mean lies above, in HU: at full breath near −860, with severe emphysema near −910. */
const LEAST_MEAN_HU = -940;
/** Of the first part's voxels, those that a second one has at least. */
const SECOND = 0.1;
/** What is smaller in all is no pair of lungs, in ml. */
const LEAST_ML = 300;
/** A slice holds lung from this area on, in mm²: the trachea alone is smaller. */
const LEAST_MM2 = 500;

/** Runs of air along x: row r of the volume's ny · nz rows has runs rows[r] … rows[r + 1], each from … to (without). */
interface Runs {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly rows: Int32Array;
}

/** Voxels of the lungs of a CT in HU: 1, else 0, in the volume's order; undefined where it shows none. */
export function findLungs({
  data,
  shape,
  spacingMm: [sx, sy, sz],
}: Pick<Volume, "data" | "shape" | "spacingMm">): Uint8Array<ArrayBuffer> | undefined {
  const inside = withoutOutside(airRuns(data, shape), shape);
  const partOf = connected(inside, shape, true);
  const [first, second] = partsOf(inside, partOf, data, shape)
    .filter(({ finite, sum }) => sum >= LEAST_MEAN_HU * finite)
    .sort((a, b) => b.voxels - a.voxels);
  if (!first) return undefined;
  const lungs = second && second.voxels >= SECOND * first.voxels ? [first, second] : [first];
  const ml = lungs.reduce((sum, { voxels }) => sum + (voxels * sx * sy * sz) / 1000, 0);
  if (ml < LEAST_ML) return undefined;
  const kept = new Set(lungs.map(({ part }) => part));
  const mask = new Uint8Array(data.length);
  for (let r = 0; r + 1 < inside.rows.length; r++)
    for (let i = inside.rows[r]!; i < inside.rows[r + 1]!; i++)
      if (kept.has(partOf[i]!)) mask.fill(1, r * shape[0] + inside.from[i]!, r * shape[0] + inside.to[i]!);
  return mask;
}

interface Part {
  readonly part: number;
  voxels: number;
  /** Those whose values are finite, and the sum of their values: −∞ is air too, and has no mean. */
  finite: number;
  sum: number;
}

function partsOf({ from, to, rows }: Runs, partOf: Int32Array, data: VoxelArray, [nx]: Shape3): Part[] {
  const parts = new Map<number, Part>();
  for (let r = 0; r + 1 < rows.length; r++)
    for (let i = rows[r]!; i < rows[r + 1]!; i++) {
      const part = parts.get(partOf[i]!) ?? { part: partOf[i]!, voxels: 0, finite: 0, sum: 0 };
      parts.set(part.part, part);
      part.voxels += to[i]! - from[i]!;
      for (let x = from[i]!; x < to[i]!; x++) {
        const v = data[r * nx + x]!;
        if (!Number.isFinite(v)) continue;
        part.finite++;
        part.sum += v;
      }
    }
  return [...parts.values()];
}

/** The axial slices that hold lung, rising. */
export function lungSlices(lungs: Uint8Array, { shape, spacingMm }: Pick<Volume, "shape" | "spacingMm">): number[] {
  const pixelMm2 = spacingMm[0] * spacingMm[1];
  return Array.from({ length: shape[2] }, (_, z) => z).filter((z) => {
    let pixels = 0;
    for (const v of storedSlice(lungs as Uint8Array<ArrayBuffer>, shape, z)) pixels += v;
    return pixels * pixelMm2 >= LEAST_MM2;
  });
}

/**
 * The column between the right and the left lung, by the whole volume: of those in the middle half of the lungs the one
 * with the least lung. Undefined where even that has half as much as the fullest on either side: there is one lung
 * then.
 */
export function columnBetween(lungs: Uint8Array, [nx]: Shape3): number | undefined {
  const perColumn = new Float64Array(nx);
  for (let v = 0; v < lungs.length; v++) perColumn[v % nx]! += lungs[v]!;
  const first = perColumn.findIndex((count) => count > 0);
  if (first < 0) return undefined;
  const width = perColumn.findLastIndex((count) => count > 0) + 1 - first;
  const start = first + Math.floor(width / 4);
  const middle = perColumn.subarray(start, start + Math.ceil(width / 2));
  const least = Math.min(...middle);
  // Of several, as of a chest that is air throughout between them, the middle one.
  const column = start + ((middle.indexOf(least) + middle.lastIndexOf(least)) >> 1);
  const most = Math.min(Math.max(...perColumn.subarray(0, column)), Math.max(...perColumn.subarray(column)));
  return least < most / 2 ? column : undefined;
}

function airRuns(data: VoxelArray, [nx, ny, nz]: Shape3): Runs {
  const from: number[] = [];
  const to: number[] = [];
  const rows = new Int32Array(ny * nz + 1);
  for (let r = 0; r < ny * nz; r++) {
    const row = r * nx;
    for (let x = 0; x < nx; ) {
      while (x < nx && !(data[row + x]! < AIR_HU)) x++;
      if (x === nx) break;
      from.push(x);
      while (x < nx && data[row + x]! < AIR_HU) x++;
      to.push(x);
    }
    rows[r + 1] = from.length;
  }
  return { from: Int32Array.from(from), to: Int32Array.from(to), rows };
}

/** The runs that nothing within their slice connects with the slice's border. */
function withoutOutside(runs: Runs, shape: Shape3): Runs {
  const [nx, ny, nz] = shape;
  const partOf = connected(runs, shape, false);
  const outside = new Uint8Array(runs.from.length);
  for (let r = 0; r < ny * nz; r++) {
    const isEdge = r % ny === 0 || r % ny === ny - 1;
    for (let i = runs.rows[r]!; i < runs.rows[r + 1]!; i++)
      if (isEdge || runs.from[i] === 0 || runs.to[i] === nx) outside[partOf[i]!] = 1;
  }
  const kept = (_: number, i: number): boolean => outside[partOf[i]!] === 0;
  const rows = new Int32Array(runs.rows.length);
  for (let r = 0, count = 0; r < ny * nz; r++) {
    for (let i = runs.rows[r]!; i < runs.rows[r + 1]!; i++) count += 1 - outside[partOf[i]!]!;
    rows[r + 1] = count;
  }
  return { from: runs.from.filter(kept), to: runs.to.filter(kept), rows };
}

/**
 * The part that each run belongs to, by the number of its first run: runs of neighbouring rows of a slice, and where
 * `across` those of one row in neighbouring slices, are connected where they overlap.
 */
function connected({ from, to, rows }: Runs, [, ny, nz]: Shape3, across: boolean): Int32Array {
  const parent = Int32Array.from(from.keys());
  const rootOf = (run: number): number => {
    let root = run;
    while (parent[root] !== root) {
      parent[root] = parent[parent[root]!]!; // halves the way for the next time
      root = parent[root]!;
    }
    return root;
  };
  const join = (a: number, b: number): void => {
    const [one, other] = [rootOf(a), rootOf(b)];
    parent[Math.max(one, other)] = Math.min(one, other);
  };
  const joinRows = (r: number, other: number): void => {
    let i = rows[r]!;
    let j = rows[other]!;
    while (i < rows[r + 1]! && j < rows[other + 1]!) {
      if (from[i]! < to[j]! && from[j]! < to[i]!) join(i, j);
      if (to[i]! < to[j]!) i++;
      else j++;
    }
  };
  for (let r = 0; r < ny * nz; r++) {
    if (r % ny > 0) joinRows(r, r - 1);
    if (across && r >= ny) joinRows(r, r - ny);
  }
  return parent.map((_, run) => rootOf(run));
}
