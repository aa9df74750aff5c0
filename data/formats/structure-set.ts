// Files that hold structures rather than a grid of voxels: contours, or segments of a sparse grid. They become masks on
// an image's grid.
import { DataError } from "../errors.ts";
import type { Volume } from "../volume.ts";
import { dicom, inDicom } from "./dicom.ts";
import type { ImageFile } from "./format.ts";
import { drawLabels } from "./label-map.ts";

/** The grid that masks are drawn on. */
export type LabelGrid = Pick<Volume, "shape" | "affine" | "oriented">;

/** Told of a voxel, by its number in the grid, and the structure that has it, by its place among the names, from 0. */
export type OnVoxel = (structure: number, voxel: number) => void;

export interface StructureSet {
  readonly kind: "RTSTRUCT" | "SEG" | "PNG";
  /** Of its structures, in its order; no two are equal. */
  readonly names: readonly string[];
  /** A point of each contour or frame: x, y, z, x, … in mm (LPS). */
  readonly places: Float64Array;
  /**
   * Tells which voxels of a grid each of the named structures has, and returns what was odd, such as a structure that
   * gave no mask. Throws DataError where a structure is not there, its frames are no voxels of the grid, or the file is
   * damaged.
   */
  voxels(names: readonly string[], grid: LabelGrid, onVoxel: OnVoxel): Promise<string[]>;
  /**
   * Labels from 1, in the order of `names`, for each voxel of a grid; where two structures overlap, a voxel has the
   * lower label. Throws as `voxels`.
   */
  draw(names: readonly string[], grid: LabelGrid): Promise<{ data: Uint16Array<ArrayBuffer>; warnings: string[] }>;
}

/** The structures of a file; undefined where it holds none (an image). Throws DataError. */
export async function openStructures(file: ImageFile): Promise<StructureSet | undefined> {
  if (!dicom.matches(await file.beginning())) return undefined;
  return inDicom(file.name, async () => {
    const { parseHead } = await import("./dicom/series.ts");
    const modality = (await parseHead(file)).tags.text("Modality");
    if (modality !== "RTSTRUCT" && modality !== "SEG") return undefined;
    const { parseDicom } = await import("./dicom/parse.ts");
    const whole = parseDicom(await file.bytes(), file.name);
    const set =
      modality === "RTSTRUCT"
        ? (await import("./dicom/structures.ts")).openStructureSet(whole)
        : (await import("./dicom/segmentation.ts")).openSegmentation(whole);
    const voxels: StructureSet["voxels"] = async (names, grid, onVoxel) => {
      if (grid.oriented) return inDicom(file.name, () => set.voxels(names, grid, onVoxel));
      const problem = "are in millimetres, and nothing tells where the image's slices are";
      throw new DataError(file.name, "structures", problem, "give the image with its positions");
    };
    return { ...set, voxels, draw: (names, grid) => drawLabels(voxels, names, grid, file.name) };
  });
}
