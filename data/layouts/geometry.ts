// Whether a case's mask lies on its image, and in which order its voxels are those of the image.
import { basename } from "./paths.ts";
import { alignmentOf, placeToleranceVoxels } from "../alignment.ts";
import { DataError, printable } from "../errors.ts";
import type { ImageHeader } from "../formats/index.ts";
import { type Orientation, orientationOf } from "../orientation.ts";
import { type Volume, areSkew, isSheared } from "../volume.ts";
import type { Case } from "./case.ts";

type Grid = Pick<ImageHeader, "shape" | "affine" | "oriented" | "spacingMm">;

/** How a mask's voxels are walked to be those of its image, as both are stored. */
export interface PairedGrids {
  readonly orientation: Orientation;
  /** What was odd; whole sentences. */
  readonly warnings: readonly string[];
}

const AS_STORED: Orientation = { axes: [0, 1, 2], flips: [false, false, false] };

/**
 * Pairs the grids of an image and its mask, whatever order each is stored in: nowhere in the volume may they be
 * further apart than a thousandth of a voxel. Where a file says nothing of its orientation, voxels are paired as they
 * are stored, with a warning. Throws DataError where the mask is not of its image's shape, or not in its place.
 */
export function pairGrids(
  { imagePath, maskPath }: Pick<Case, "imagePath" | "maskPath">,
  image: Grid,
  mask: Grid,
): PairedGrids {
  const name = basename(imagePath);
  if (!(image.oriented && mask.oriented)) return pairAsStored({ imagePath, maskPath }, image, mask);
  const alignment = alignmentOf(image, mask);
  if (!alignment) throw otherShape(maskPath, mask, name, image);
  if (alignment.voxels > placeToleranceVoxels)
    throw new DataError(
      maskPath,
      "affine",
      `differs from that of ${name} by ${alignment.mm.toPrecision(3)} mm`,
      "resample the mask to the image's grid, or copy the image's header if they do lie on one another",
    );
  return { orientation: alignment.orientation, warnings: [] };
}

const otherShape = (maskPath: string, mask: Grid, imageName: string, image: Grid): DataError =>
  new DataError(
    maskPath,
    "dim",
    `${mask.shape.join(" × ")} is not the ${image.shape.join(" × ")} of ${imageName}`,
    "resample the mask to the image's grid",
  );

/** Pairs grids of which one or both have no place: readers differ in where they put such a file. */
function pairAsStored(
  { imagePath, maskPath }: Pick<Case, "imagePath" | "maskPath">,
  image: Grid,
  mask: Grid,
): PairedGrids {
  const name = basename(imagePath);
  if (image.shape.some((n, i) => n !== mask.shape[i])) throw otherShape(maskPath, mask, name, image);
  const placeless = image.oriented ? maskPath : imagePath;
  const missing = `${printable(basename(placeless))} has neither q-form nor s-form (qform_code and sform_code are 0)`;
  const differing = image.spacingMm.findIndex((s, i) => Math.abs(s - mask.spacingMm[i]!) > placeToleranceVoxels * s);
  if (differing >= 0) {
    const problem = `${mask.spacingMm[differing]} mm is not the ${image.spacingMm[differing]} mm of ${name}, and ${missing}`;
    throw new DataError(maskPath, `pixdim[${differing + 1}]`, problem, `set the orientation codes of ${placeless}`);
  }
  if (image.oriented === mask.oriented) return { orientation: AS_STORED, warnings: [] };
  return {
    orientation: AS_STORED,
    warnings: [`${printable(maskPath)}: paired with ${printable(name)} voxel for voxel, as stored: ${missing}.`],
  };
}

/**
 * Throws DataError where an image's axial slices are no rectangles; the sentence that warns of a grid that is sheared
 * otherwise, as by a tilted gantry.
 */
export function checkImageGrid({ affine, oriented }: Pick<Volume, "affine" | "oriented">, path: string): string[] {
  const [x, y] = oriented ? orientationOf(affine).axes : ([0, 1] as const);
  if (areSkew(affine, x, y)) {
    const mend = "resample the image, and its mask, to a grid of right angles";
    throw new DataError(path, "affine", "is sheared within axial slices, which are then no rectangles", mend);
  }
  if (!isSheared(affine)) return [];
  return [
    `${printable(path)}: the grid is sheared, as by a tilted gantry: volumes are right, distances are refused; ` +
      "resample it to a grid of right angles for them.",
  ];
}
