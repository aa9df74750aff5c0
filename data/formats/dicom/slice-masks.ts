// Masks as PNG slices, one for each slice of a DICOM series, with a grey value for each structure: the "Ground" folders
// of CHAOS (chaos.grand-challenge.org/Data).
import { DataError, printable } from "../../errors.ts";
import type { FoundStructures } from "../dicom-survey.ts";
import type { ImageFile } from "../format.ts";
import { drawLabels } from "../label-map.ts";
import { areNamedAlike, stemOf } from "../slice-names.ts";
import { inOrder, readPngSlice } from "../png.ts";
import type { StructureSet } from "../structure-set.ts";
import { type Frame, frameVoxels, placesOf } from "./draw-frames.ts";
import { type Plane, planesOf } from "./planes.ts";
import { parseHead } from "./series.ts";

/** CHAOS's grey values: of MR those of four organs, of CT those of the liver alone. */
const structures: Readonly<Record<number, string>> = {
  1: "liver",
  255: "liver",
  63: "liver",
  126: "right kidney",
  189: "left kidney",
  252: "spleen",
};

/** A mask's slice, and the plane of the image that it is on. */
interface Pair {
  readonly mask: ImageFile;
  readonly plane: Plane;
}

/** The structures, and what tells the series that they are on. */
export type SliceMasks = StructureSet & Pick<FoundStructures, "patient" | "seriesUids" | "frameUids">;

/**
 * The structures of PNG slices, each on the image of its name where all have one, else all in the natural order of the
 * names. `folder` is what a DataError calls them. Throws DataError where they are not one for one.
 */
export async function openSliceMasks(
  masks: readonly ImageFile[],
  images: readonly ImageFile[],
  folder: string,
): Promise<SliceMasks> {
  const pairs: Pair[] = [];
  for (const { mask, image } of paired(masks, images, folder)) {
    const planes = planesOf(await parseHead(image), image);
    const [plane, second] = planes as [Plane, ...Plane[]];
    if (second) throw new DataError(image.name, "NumberOfFrames (0028,0008)", "is more than one", "give it as slices");
    pairs.push({ mask, plane });
  }
  const values = new Set<number>();
  for await (const { pixels } of framesOf(pairs)) for (let i = 0; i < pixels.length; i++) values.add(pixels[i]!);
  values.delete(0);
  const names = new Map<string, number>();
  for (const value of [...values].sort((a, b) => a - b)) {
    const told = structures[value] ?? `value ${value}`;
    names.set(names.has(told) ? `${told} (${value})` : told, value);
  }
  const voxels: StructureSet["voxels"] = async (wanted, grid, onVoxel) => {
    const places = placesOf(names, wanted, "structures", folder);
    return frameVoxels(framesOf(pairs), places, wanted, grid, folder, onVoxel);
  };
  const instances = pairs.map(({ plane }) => plane.instance);
  return {
    kind: "PNG",
    names: [...names.keys()],
    places: Float64Array.from(pairs.flatMap(({ plane }) => plane.position ?? [])),
    patient: instances[0]!.patient,
    seriesUids: new Set(instances.map(({ seriesUid }) => seriesUid)),
    frameUids: new Set(instances.flatMap(({ frameOfReferenceUid }) => frameOfReferenceUid ?? [])),
    voxels,
    draw: (wanted, grid) => drawLabels(voxels, wanted, grid, folder),
  };
}

function paired(
  masks: readonly ImageFile[],
  images: readonly ImageFile[],
  folder: string,
): { readonly mask: ImageFile; readonly image: ImageFile }[] {
  if (masks.length !== images.length) {
    const problem = `holds ${masks.length} PNG slices for ${images.length} of ${printable(images[0]?.name ?? "none")}`;
    throw new DataError(folder, "slices", problem, "keep one for each slice of the image");
  }
  const sorted = inOrder(images);
  if (!areNamedAlike(masks, images)) return inOrder(masks).map((mask, i) => ({ mask, image: sorted[i]! }));
  const byStem = new Map(images.map((image) => [stemOf(image), image]));
  return inOrder(masks).map((mask) => ({ mask, image: byStem.get(stemOf(mask))! }));
}

/** Each mask's pixels on the plane of its image. */
async function* framesOf(pairs: readonly Pair[]): AsyncGenerator<Frame> {
  for (const { mask, plane } of pairs) {
    const { width, height, pixels } = await readPngSlice(mask);
    const { columns, rows } = plane.format;
    if (width !== columns || height !== rows) {
      const problem = `${width} × ${height} pixels, not the ${columns} × ${rows} of ${printable(plane.source.name)}`;
      throw new DataError(mask.name, "IHDR", problem, "give the mask of that slice");
    }
    yield { plane, pixels, segment: undefined };
  }
}
