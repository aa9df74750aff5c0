// Distances between the surfaces of two masks, and the two metrics of the paper that rest on them: surface Dice
// (SDSC) and the 95th percentile of the Hausdorff distance (HD95).
//
// Both are defined as in the paper's reference for SDSC (Nikolov et al., 2018/2021) and the code that goes with it:
// the surface is a set of elements that stand between voxels, one for each cube of 2 × 2 × 2 voxels that holds some
// of the mask and not all. An element counts by its area in mm², so neither staircases nor thick slices weigh too
// much; its distance is that to the nearest element of the other surface. HD95 is the larger of the two directed 95th
// percentiles. (Libraries that pool both directions, or count border voxels alike, differ slightly.)
import { squaredDistances } from "./distance-transform.ts";
import { surfelAreas } from "./surfel-area.ts";

/**
 * Two masks of one grid: [nx, ny, nz], x fastest; any value but 0 is foreground. What lies outside the grid is
 * background.
 */
export interface MaskPair {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  readonly shape: readonly [nx: number, ny: number, nz: number];
  readonly spacingMm: readonly [number, number, number];
}

/** One mask's surface elements: their distance in mm to the other surface, rising, and their areas in mm². */
export interface DirectedDistances {
  readonly distancesMm: Float64Array;
  readonly areasMm2: Float64Array;
}

export interface SurfaceDistances {
  readonly aToB: DirectedDistances;
  readonly bToA: DirectedDistances;
}

/**
 * Distances of each surface to the other. Those to an empty mask are Infinity, and an empty mask has no elements.
 * Throws RangeError on lengths that do not fit.
 */
export function surfaceDistances({ a, b, shape, spacingMm }: MaskPair): SurfaceDistances {
  const n = shape[0] * shape[1] * shape[2];
  if (a.length !== n || b.length !== n)
    throw new RangeError(
      `surfaceDistances: masks of ${a.length} and ${b.length} voxels do not fill ${shape.join(" × ")}`,
    );
  if (!spacingMm.every((s) => s > 0 && Number.isFinite(s)))
    throw new RangeError(`surfaceDistances: spacing ${spacingMm.join(", ")} mm is not above 0`);
  const box = boundingBox(a, b, shape);
  const none: DirectedDistances = { distancesMm: new Float64Array(), areasMm2: new Float64Array() };
  if (!box) return { aToB: none, bToA: none };
  const codesA = codes(a, shape, box);
  const codesB = codes(b, shape, box);
  const corners = cornersOf(box);
  const areas = surfelAreas(spacingMm);
  const directed = (own: Uint8Array, other: Uint8Array): DirectedDistances => {
    const d = squaredDistances(
      other.map((c) => Number(c !== 0 && c !== 255)),
      corners,
      spacingMm,
    );
    const elements: number[] = [];
    for (let i = 0; i < own.length; i++) if (own[i] !== 0 && own[i] !== 255) elements.push(i);
    elements.sort((i, j) => d[i]! - d[j]! || areas[own[i]!]! - areas[own[j]!]! || 0);
    return {
      distancesMm: Float64Array.from(elements, (i) => Math.sqrt(d[i]!)),
      areasMm2: Float64Array.from(elements, (i) => areas[own[i]!]!),
    };
  };
  return { aToB: directed(codesA, codesB), bToA: directed(codesB, codesA) };
}

/**
 * The larger of the two directed percentiles of the distances, weighed by area, in mm. Infinity where one mask is
 * empty, NaN where both are: no distance is defined.
 */
export function hausdorff({ aToB, bToA }: SurfaceDistances, percent = 95): number {
  if (aToB.distancesMm.length + bToA.distancesMm.length === 0) return NaN;
  if (aToB.distancesMm.length === 0 || bToA.distancesMm.length === 0) return Infinity;
  return Math.max(percentile(aToB, percent), percentile(bToA, percent));
}

/** HD95 of two masks in mm. */
export const hausdorff95 = (pair: MaskPair): number => hausdorff(surfaceDistances(pair), 95);

/** A distance is rounded, and so is the spacing in a file (f32): 15 voxels of 0.2 mm must count as within 3 mm. */
const ROUNDING = 1e-6;

/**
 * The part of both surfaces, by area, that lies within `toleranceMm` of the other, or beyond it by no more than a
 * millionth: 0 … 1. 0 where one mask is empty, NaN where both are.
 */
export function surfaceDice({ aToB, bToA }: SurfaceDistances, toleranceMm: number): number {
  const limit = toleranceMm * (1 + ROUNDING);
  const near = ({ distancesMm, areasMm2 }: DirectedDistances): number =>
    areasMm2.reduce((s, area, i) => (distancesMm[i]! <= limit ? s + area : s), 0);
  return (near(aToB) + near(bToA)) / (sum(aToB.areasMm2) + sum(bToA.areasMm2));
}

/** The least distance within which `percent` of the area lies. */
function percentile({ distancesMm, areasMm2 }: DirectedDistances, percent: number): number {
  const total = sum(areasMm2);
  let within = 0;
  for (let i = 0; i < distancesMm.length; i++) {
    within += areasMm2[i]!;
    if (within / total >= percent / 100) return distancesMm[i]!;
  }
  return distancesMm[distancesMm.length - 1]!;
}

const sum = (values: Float64Array): number => values.reduce((s, v) => s + v, 0);

type Triple = readonly [x: number, y: number, z: number];

/** The first and the last voxel along each axis. */
interface Box {
  readonly low: Triple;
  readonly high: Triple;
}

/** How many corners the voxels of a box have along each axis. */
const cornersOf = ({ low, high }: Box): Triple => [high[0] - low[0] + 2, high[1] - low[1] + 2, high[2] - low[2] + 2];

/**
 * The smallest box that holds both masks; undefined where both are empty. Distances within it are those of the whole.
 */
function boundingBox(a: ArrayLike<number>, b: ArrayLike<number>, [nx, ny, nz]: MaskPair["shape"]): Box | undefined {
  let [lowX, lowY, lowZ] = [nx, ny, nz];
  let [highX, highY, highZ] = [-1, -1, -1];
  for (let z = 0, i = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, i++) {
        if (a[i] === 0 && b[i] === 0) continue;
        lowX = Math.min(lowX, x);
        highX = Math.max(highX, x);
        lowY = Math.min(lowY, y);
        highY = Math.max(highY, y);
        lowZ = Math.min(lowZ, z);
        highZ = Math.max(highZ, z);
      }
  return highX < 0 ? undefined : { low: [lowX, lowY, lowZ], high: [highX, highY, highZ] };
}

/** Which of its eight voxels are in the mask, for each corner between the voxels of the box; one bit a voxel. */
function codes(mask: ArrayLike<number>, [nx, ny]: MaskPair["shape"], box: Box): Uint8Array {
  const [lowX, lowY, lowZ] = box.low;
  const [highX, highY, highZ] = box.high;
  const [cx, cy, cz] = cornersOf(box);
  const out = new Uint8Array(cx * cy * cz);
  for (let z = lowZ; z <= highZ; z++)
    for (let y = lowY; y <= highY; y++)
      for (let x = lowX; x <= highX; x++) {
        if (mask[x + nx * (y + ny * z)] === 0) continue;
        // The voxel is corner c of the cube whose lower corner lies c before it.
        const at = x - lowX + 1 + cx * (y - lowY + 1 + cy * (z - lowZ + 1));
        for (let c = 0; c < 8; c++) out[at - (c & 1) - cx * (((c >> 1) & 1) + cy * (c >> 2))]! |= 1 << c;
      }
  return out;
}
