// Masks as DICOM objects beside the series that they were drawn on: contours or segments.
import { inDicom } from "./dicom.ts";
import type { Maker, Segment } from "./dicom/encode.ts";
import type { Stack } from "./dicom/stack.ts";
import type { ImageFile } from "./format.ts";
import { DataError } from "../errors.ts";

export type { Maker, Segment } from "./dicom/encode.ts";

/** The DICOM objects that a mask is written as. */
export const maskObjects = ["rtstruct", "seg"] as const;
export type MaskObject = (typeof maskObjects)[number];

const COLOURS = [
  [230, 25, 75],
  [60, 180, 75],
  [0, 130, 200],
  [255, 225, 25],
  [145, 30, 180],
  [70, 240, 240],
] as const;

/** Structures of a mask as segments, each in a colour of its own. */
export const segmentsOf = (labels: readonly Omit<Segment, "rgb">[]): Segment[] =>
  labels.map(({ name, value }, i) => ({ name, value, rgb: COLOURS[i % COLOURS.length]! }));

/** The series of an image, which masks on it refer to; `name` is what a DataError calls it. Throws DataError. */
export function seriesOf(files: readonly ImageFile[], name: string): Promise<Stack> {
  return inDicom(name, async () => {
    const { openSeries } = await import("./dicom/series.ts");
    const { stack } = await openSeries(files, name);
    if (!stack.header.oriented) {
      const problem = "is missing: a mask can't refer to slices without a place";
      throw new DataError(name, "ImagePositionPatient (0020,0032)", problem, "write the mask as NIfTI");
    }
    return stack;
  });
}

/** The bytes of a DICOM object with the structures of a mask, whose voxels are in the order of the series. */
export async function writeMaskObject(
  object: MaskObject,
  mask: ArrayLike<number>,
  series: Stack,
  segments: readonly Segment[],
  maker: Maker,
): Promise<Uint8Array<ArrayBuffer>> {
  if (object === "seg")
    return (await import("./dicom/write-segmentation.ts")).writeSegmentation(mask, series, segments, maker);
  return (await import("./dicom/write-structures.ts")).writeStructureSet(mask, series, segments, maker);
}
