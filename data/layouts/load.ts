// Cases from files into memory, one volume at a time, wherever the files are.
import { printable } from "../errors.ts";
import type { ImageHeader, StructureSet } from "../formats/index.ts";
import { wrappedNegatives } from "../intensity.ts";
import { inOrder, toLps } from "../orientation.ts";
import type { LoadedCase } from "../slices.ts";
import type { Labels, LoadOptions } from "../collect-slices.ts";
import type { Volume, VoxelArray } from "../volume.ts";
import type { Case, CaseImage, Structure } from "./case.ts";
import { type DrawnFile, drawStructures } from "./draw-structures.ts";
import { checkImageGrid, pairGrids } from "./geometry.ts";
import { classesOf, severalLabels } from "./labels.ts";

/** A mask's voxels in the order of its image's as stored, with what was odd. */
interface StoredMask {
  readonly data: VoxelArray;
  readonly warnings: string[];
}

/**
 * A case's image and the values of its mask's file, which are not classes yet, both in Left-Posterior-Superior order.
 */
export interface LabelledCase {
  readonly image: Volume;
  /** The image in its stored order. */
  readonly stored: Volume;
  readonly labels: VoxelArray;
  /** What was odd; whole sentences. */
  readonly warnings: readonly string[];
}

/** What opens the files of cases, by their paths in cases. */
export interface CaseFiles {
  /** What an image's header tells. Throws DataError. */
  header(path: string): Promise<ImageHeader>;
  /** The voxels of a file, or of a folder of slices, in stored order: an image's or a mask's. Throws DataError. */
  voxels(path: string): Promise<Volume>;
  /** The structures of a file of contours or segments; undefined of others. Throws DataError. */
  structures(path: string): Promise<StructureSet | undefined>;
}

export class CaseLoader {
  constructor(readonly files: CaseFiles) {}

  /**
   * The volume of an image in its stored order. Its warnings tell of a sheared grid and of negative values that wrapped
   * round. Throws DataError, for axial slices that are no rectangles too.
   */
  async readVolume(path: string): Promise<Volume> {
    const volume = await this.files.voxels(path);
    const warnings = [...volume.warnings, ...checkImageGrid(volume, path)];
    const wrapped = wrappedNegatives(volume.data);
    if (wrapped > 0)
      warnings.push(
        `${printable(path)}: ${wrapped} of ${volume.data.length} voxels are above 57,343, as where negative values were ` +
          "read without their sign (−100 as 65,436): convert the DICOM again, or subtract 65,536 from them.",
      );
    return { ...volume, warnings };
  }

  /**
   * The mask of a file; of contours or segments all, with labels in their order. Throws DataError where it lies
   * elsewhere.
   */
  async readMask(imagePath: string, maskPath: string, image: Volume): Promise<StoredMask> {
    const structures = await this.files.structures(maskPath);
    return structures ? structures.draw(structures.names, image) : this.#readMaskFile(imagePath, maskPath, image);
  }

  /** The mask of a file of voxels, or of a folder of slices. Throws DataError where it lies elsewhere. */
  async #readMaskFile(imagePath: string, maskPath: string, image: Volume): Promise<StoredMask> {
    const mask = await this.files.voxels(maskPath);
    const { orientation, warnings } = pairGrids({ imagePath, maskPath }, image, mask);
    return { data: inOrder(mask, orientation).data, warnings: [...mask.warnings, ...warnings] };
  }

  /**
   * Image and mask of one case, both in Left-Posterior-Superior order. Throws DataError where the mask is no label mask
   * or of another geometry.
   */
  readonly loadCase = async (c: Case, { labels = null, onWarning }: LoadOptions = {}): Promise<LoadedCase> => {
    const { image, labels: values, warnings } = await this.loadLabels(c, labels);
    for (const warning of warnings) onWarning?.(warning);
    return { id: c.id, patient: c.patient, image, mask: classesOf(values, labels, c.maskPath, onWarning) };
  };

  /**
   * Image and mask of one case as they are; of structures in files of their own, those that are `wanted`. Throws
   * DataError where the mask is of another geometry.
   */
  async loadLabels(c: Case, wanted: Labels = "any"): Promise<LabelledCase> {
    const stored = await this.readVolume(c.imagePath);
    const mask = c.structures
      ? await this.#readStructures(c, c.structures, wanted, stored)
      : await this.readMask(c.imagePath, c.maskPath, stored);
    const { data: labels } = toLps({ ...stored, data: mask.data });
    return { image: toLps(stored), stored, labels, warnings: [...stored.warnings, ...mask.warnings] };
  }

  /**
   * The masks of a case's structures as one, with their labels; those that `labels` does not ask for are not read.
   * Where two overlap, a voxel has the lower label. Throws DataError where there are several and none is chosen.
   */
  async #readStructures(
    { imagePath, maskPath }: Case,
    structures: readonly Structure[],
    labels: Labels,
    image: Volume,
  ): Promise<StoredMask> {
    if (labels === null && structures.length > 1)
      throw severalLabels(
        maskPath,
        structures.length,
        structures.map(({ label, name }) => `${label} ${name}`).join(", "),
      );
    const wanted = structures.filter(({ label }) => labels === null || labels === "any" || labels.includes(label));
    return drawStructures(
      wanted.map(({ label, path, within }) => ({ label, file: path, ...(within !== undefined && { name: within }) })),
      async (path) => (await this.files.structures(path)) ?? this.#maskAsSet(imagePath, path, image),
      image,
      maskPath,
    );
  }

  /** A mask's file as structures: one, of all its voxels that are not 0. */
  #maskAsSet(imagePath: string, maskPath: string, image: Volume): DrawnFile {
    return {
      names: ["mask"],
      voxels: async (_names, _grid, onVoxel) => {
        const mask = await this.#readMaskFile(imagePath, maskPath, image);
        mask.data.forEach((v, i) => {
          if (v !== 0 && Number.isFinite(v)) onVoxel(0, i);
        });
        return mask.warnings;
      },
    };
  }

  /** An image alone, in Left-Posterior-Superior order; nothing is foreground. Throws DataError. */
  readonly loadImage = async (
    { id, patient, imagePath }: CaseImage,
    { onWarning }: LoadOptions = {},
  ): Promise<LoadedCase> => {
    const image = toLps(await this.readVolume(imagePath));
    for (const warning of image.warnings) onWarning?.(warning);
    return { id, patient, image, mask: new Uint8Array(image.data.length) };
  };
}
