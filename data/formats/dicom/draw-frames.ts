// Frames of segments, or slices of labels, on an image's grid.
import { DataError, printable } from "../../errors.ts";
import type { LabelGrid, StructureSet } from "../structure-set.ts";
import { placementOf } from "./frame-placement.ts";
import type { Plane } from "./planes.ts";
import { skippedSlices } from "./skipped-slices.ts";

/** One frame's pixels that belong to a segment. */
export interface Frame {
  readonly plane: Plane;
  /** 1 where the frame's segment is; of a labelmap, the segment's number. */
  readonly pixels: ArrayLike<number>;
  /** The number of the only segment; undefined of a labelmap. */
  readonly segment: number | undefined;
}

/**
 * The labels of segments' numbers: places in `wanted`, from 1. Throws DataError with `field` where a name is none of
 * `names`, each with its number.
 */
export function labelsOf(
  names: ReadonlyMap<string, number>,
  wanted: readonly string[],
  field: string,
  file: string,
): Map<number, number> {
  const labels = new Map<number, number>();
  for (const [i, name] of wanted.entries()) {
    const number = names.get(name);
    if (number === undefined) {
      const problem = `${printable(name)} is not among ${printable([...names.keys()].join(", "))}`;
      throw new DataError(file, field, problem, "name one of them");
    }
    labels.set(number, i + 1);
  }
  return labels;
}

/** Draws frames by the labels of their segments' numbers. Throws DataError where one is no voxels of the grid. */
export async function drawFrames(
  frames: AsyncIterable<Frame>,
  labelOf: ReadonlyMap<number, number>,
  wanted: readonly string[],
  grid: LabelGrid,
  file: string,
): ReturnType<StructureSet["draw"]> {
  const [nx, ny, nz] = grid.shape;
  const data = new Uint16Array(nx * ny * nz);
  /** The slices that each label has voxels in. */
  const slicesOf = wanted.map(() => new Set<number>());
  let overlapping = 0;
  for await (const { plane, pixels, segment } of frames) {
    const { start, perColumn, perRow, slice } = placementOf(plane, grid, file);
    const { columns, rows } = plane.format;
    const found = new Set<number>();
    for (let row = 0, p = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, p++) {
        const label = pixels[p] === 0 ? undefined : labelOf.get(segment ?? pixels[p]!);
        if (label === undefined) continue;
        const n = start + column * perColumn + row * perRow;
        found.add(label);
        if (data[n] !== 0 && data[n] !== label) overlapping++;
        if (data[n] === 0 || label < data[n]!) data[n] = label;
      }
    for (const label of found) slicesOf[label - 1]!.add(slice);
  }
  const warnings = wanted.flatMap((name, i) => {
    const slices = [...slicesOf[i]!];
    const empty = skippedSlices(slices);
    const said = `${printable(file)}: ${printable(name, 40)}`;
    if (slices.length === 0) return [`${said}: no voxel is in it.`];
    return empty > 0 ? [`${said}: ${empty} slices between its frames have none: they are left empty.`] : [];
  });
  if (overlapping > 0)
    warnings.push(`${printable(file)}: ${overlapping} voxels are of two structures: they have the lower label.`);
  return { data, warnings };
}
