// Frames of segments, or slices of labels, on an image's grid: the voxels of each structure.
import { DataError, printable } from "../../errors.ts";
import type { LabelGrid, OnVoxel } from "../structure-set.ts";
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
 * The places in `wanted` of segments' numbers. Throws DataError with `field` where a name is none of `names`, each with
 * its number.
 */
export function placesOf(
  names: ReadonlyMap<string, number>,
  wanted: readonly string[],
  field: string,
  file: string,
): Map<number, number> {
  const places = new Map<number, number>();
  for (const [i, name] of wanted.entries()) {
    const number = names.get(name);
    if (number === undefined) {
      const problem = `${printable(name)} is not among ${printable([...names.keys()].join(", "))}`;
      throw new DataError(file, field, problem, "name one of them");
    }
    places.set(number, i);
  }
  return places;
}

/**
 * Tells the voxels of frames by the places in `wanted` of their segments' numbers, and returns what was odd. Throws
 * DataError where a frame is no voxels of the grid.
 */
export async function frameVoxels(
  frames: AsyncIterable<Frame>,
  placeOf: ReadonlyMap<number, number>,
  wanted: readonly string[],
  grid: LabelGrid,
  file: string,
  onVoxel: OnVoxel,
): Promise<string[]> {
  /** The slices that each structure has voxels in. */
  const slicesOf = wanted.map(() => new Set<number>());
  for await (const { plane, pixels, segment } of frames) {
    const { start, perColumn, perRow, slice } = placementOf(plane, grid, file);
    const { columns, rows } = plane.format;
    const found = new Set<number>();
    for (let row = 0, p = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, p++) {
        const place = pixels[p] === 0 ? undefined : placeOf.get(segment ?? pixels[p]!);
        if (place === undefined) continue;
        found.add(place);
        onVoxel(place, start + column * perColumn + row * perRow);
      }
    for (const place of found) slicesOf[place]!.add(slice);
  }
  return wanted.flatMap((name, i) => {
    const slices = [...slicesOf[i]!];
    const empty = skippedSlices(slices);
    const said = `${printable(file)}: ${printable(name, 40)}`;
    if (slices.length === 0) return [`${said}: no voxel is in it.`];
    return empty > 0 ? [`${said}: ${empty} slices between its frames have none: they are left empty.`] : [];
  });
}
