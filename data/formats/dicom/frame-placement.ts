// Frames of a SEG on an image's grid: where their pixels are, and which of them are no voxels of it.
import { placeToleranceVoxels } from "../../alignment.ts";
import { DataError } from "../../errors.ts";
import type { LabelGrid } from "../structure-set.ts";
import { indicesBy } from "./patient-space.ts";
import { type Plane, cross, dot } from "./planes.ts";

/** Where a frame's pixels are among the voxels of a grid. */
interface Placement {
  /** The voxel of the first pixel. */
  readonly start: number;
  readonly perColumn: number;
  readonly perRow: number;
  /** The frame's place along the axis that it does not lie in, in voxels. */
  readonly slice: number;
}

/**
 * A frame's place, and the steps to its next column and row, in voxels of a grid. Throws DataError where it has none.
 */
function inVoxels(
  { position, along, spacingMm, frame }: Plane,
  affine: LabelGrid["affine"],
  file: string,
): { readonly first: number[]; readonly right: number[]; readonly down: number[] } {
  if (!position || !along || !spacingMm) {
    const problem = `frame ${frame + 1} has no place`;
    throw new DataError(file, "PlanePositionSequence (0020,9113)", problem, "export it again");
  }
  const indices = indicesBy(affine);
  const [right, down] = along.map((direction, i) => indices(direction, 0).map((v) => v * spacingMm[i]!));
  return { first: [...indices(position)], right: right!, down: down! };
}

/** Throws DataError where the frame's pixels are not voxels of the grid, one each. */
export function placementOf(plane: Plane, { shape, affine }: LabelGrid, file: string): Placement {
  const { first, right, down } = inVoxels(plane, affine, file);
  const { format, frame } = plane;
  const sizes = [right, down].map((step) => Math.hypot(...step));
  if (sizes.some((s) => off(s, 1) > FRAME_TOLERANCE)) {
    const problem = `a pixel of frame ${frame + 1} is ${sizes.map((s) => +s.toFixed(3)).join(" × ")} of the image's`;
    throw new DataError(file, "PixelSpacing (0028,0030)", problem, RESAMPLE);
  }
  const corner = first.map((v, i) => v + right[i]! * (format.columns - 1) + down[i]! * (format.rows - 1));
  const isOn = [...first, ...corner, ...right, ...down].every((v) => off(v, Math.round(v)) <= FRAME_TOLERANCE);
  const isInside = [first, corner].every((p) => p.every((v, i) => Math.round(v) >= 0 && Math.round(v) < shape[i]!));
  if (!isOn || !isInside) {
    const problem = `frame ${frame + 1} lies ${isOn ? "outside the image" : "between the image's voxels"}`;
    throw new DataError(file, "PlanePositionSequence (0020,9113)", problem, RESAMPLE);
  }
  const strides = [1, shape[0], shape[0] * shape[1]];
  const step = (v: number[]): number => v.reduce((n, s, i) => n + Math.round(s) * strides[i]!, 0);
  const through = [0, 1, 2].find((i) => Math.round(right[i]!) === 0 && Math.round(down[i]!) === 0)!;
  return { start: step(first), perColumn: step(right), perRow: step(down), slice: Math.round(first[through]!) };
}

/**
 * Throws DataError where each frame stands for several slices of the grid: where the distance that it tells is more
 * than one, and no two frames are nearer to one another.
 */
export function refuseThickFrames(planes: readonly Plane[], { affine }: LabelGrid, file: string): void {
  const [plane] = planes;
  if (!plane?.sliceMm || !plane.along) return;
  const normal = cross(...plane.along);
  const places = planes.flatMap(({ position }) => (position ? [dot(position, normal)] : [])).sort((a, b) => a - b);
  const steps = places.flatMap((p, i) => (i > 0 && p - places[i - 1]! > 1e-3 ? [p - places[i - 1]!] : []));
  const nearest = Math.min(...steps);
  if (steps.length === 0 || off(nearest, plane.sliceMm) > 0.01 * plane.sliceMm) return;
  const { right, down } = inVoxels(plane, affine, file);
  const through = [0, 1, 2].find((i) => off(right[i]!, 0) < 0.5 && off(down[i]!, 0) < 0.5);
  if (through === undefined) return;
  const sliceMm = Math.hypot(affine[through]!, affine[4 + through]!, affine[8 + through]!);
  if (plane.sliceMm < 1.5 * sliceMm) return;
  const problem = `frames are ${+nearest.toFixed(3)} mm apart, slices of the image ${+sliceMm.toFixed(3)} mm`;
  throw new DataError(file, "SpacingBetweenSlices (0018,0088)", problem, RESAMPLE);
}

const off = (a: number, b: number): number => Math.abs(a - b);
const RESAMPLE = "resample it to the image's grid";

/** Positions are stored as decimals, which round more than an affine does. */
const FRAME_TOLERANCE = 10 * placeToleranceVoxels;
