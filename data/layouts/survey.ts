// What the headers of a set's files tell: types, shapes and places are checked before any voxel is read.
import type { ImageHeader } from "../formats/index.ts";
import { orientationOf } from "../orientation.ts";
import { shortSideMm } from "../slices.ts";
import type { Case, CaseImage } from "./case.ts";
import { checkImageGrid, pairGrids } from "./geometry.ts";
import type { CaseFiles } from "./load.ts";

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
export async function surveyCases(cases: readonly PerhapsMasked[], files: CaseFiles): Promise<CaseSurvey[]> {
  const surveys: CaseSurvey[] = [];
  for (const c of cases) {
    const image = await files.header(c.imagePath);
    checkImageGrid(image, c.imagePath);
    const { imagePath } = c;
    // One structure's file stands for the others of its case: they are checked when they are read.
    const maskPath = c.structures ? c.structures[0]?.path : c.maskPath;
    if (maskPath !== undefined && !(await files.structures(maskPath)))
      pairGrids({ imagePath, maskPath }, image, await files.header(maskPath));
    surveys.push({ case: c, image, shortSideMm: axialShortSideMm(image) });
  }
  return surveys;
}

/** The short side of the slices once they are turned to Left-Posterior-Superior, from the header as it is stored. */
function axialShortSideMm({ affine, oriented, shape, spacingMm }: ImageHeader): number {
  const [x, y] = oriented ? orientationOf(affine).axes : ([0, 1] as const);
  return shortSideMm({ shape: [shape[x], shape[y], 1], spacingMm: [spacingMm[x], spacingMm[y], 1] });
}
