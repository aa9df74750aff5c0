// What the headers of a set's files tell: types, shapes and places are checked before any voxel is read.
import { basename } from "node:path";
import { DataError } from "../../data/errors.ts";
import { type ImageHeader, beginningBytes, readImageHeader } from "../../data/formats/index.ts";
import { orientationOf } from "../../data/orientation.ts";
import { shortSideMm } from "../../data/slices.ts";
import { affineDifference } from "../../data/volume.ts";
import { readBytes } from "../files.ts";
import type { Case, CaseImage } from "./layout.ts";

/** What the headers of a case tell, before its voxels are read. */
export interface CaseSurvey {
  readonly case: CaseImage;
  readonly image: ImageHeader;
  /** Short side of the axial slices in mm. */
  readonly shortSideMm: number;
}

/** A case, or its image alone. */
type PerhapsMasked = CaseImage & Partial<Case>;

/**
 * Reads the headers of every image, and of its mask where one is named: types, equal shapes, equal places. Throws
 * DataError at the first that is wrong.
 */
export async function surveyCases(cases: readonly PerhapsMasked[]): Promise<CaseSurvey[]> {
  const surveys: CaseSurvey[] = [];
  for (const c of cases) {
    const image = await readHeader(c.imagePath);
    const { imagePath, maskPath } = c;
    if (maskPath !== undefined) checkGeometry({ imagePath, maskPath }, image, await readHeader(maskPath));
    surveys.push({ case: c, image, shortSideMm: axialShortSideMm(image) });
  }
  return surveys;
}

const readHeader = async (path: string): Promise<ImageHeader> =>
  readImageHeader(await readBytes(path, beginningBytes), path);

/** The short side of the slices once they are turned to Left-Posterior-Superior, from the header as it is stored. */
function axialShortSideMm({ affine, oriented, shape, spacingMm }: ImageHeader): number {
  const [x, y] = oriented ? orientationOf(affine).axes : ([0, 1] as const);
  return shortSideMm({ shape: [shape[x], shape[y], 1], spacingMm: [spacingMm[x], spacingMm[y], 1] });
}

/** How far affines may differ, element by element, and still be the same place. */
export const affineToleranceMm = 1e-3;

type Placed = Pick<ImageHeader, "shape" | "affine">;

/** Throws DataError where a case's mask is not of its image's shape, or not in its place. */
export function checkGeometry(
  { imagePath, maskPath }: Pick<Case, "imagePath" | "maskPath">,
  image: Placed,
  mask: Placed,
): void {
  const name = basename(imagePath);
  if (image.shape.some((n, i) => n !== mask.shape[i])) {
    const problem = `${mask.shape.join(" × ")} is not the ${image.shape.join(" × ")} of ${name}`;
    throw new DataError(maskPath, "dim", problem, "resample the mask to the image's grid");
  }
  const difference = affineDifference(image.affine, mask.affine);
  if (difference > affineToleranceMm) {
    throw new DataError(
      maskPath,
      "affine",
      `differs from that of ${name} by ${difference.toPrecision(3)} mm`,
      "resample the mask to the image's grid, or copy the image's header if they do lie on one another",
    );
  }
}
