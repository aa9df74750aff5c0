// Structures of several files as one mask: each file is opened once.
import { LabelMap, type StructureSet } from "../formats/index.ts";
import type { Volume } from "../volume.ts";

/** What is drawn of a file. */
export type DrawnFile = Pick<StructureSet, "names" | "voxels">;

/** A structure in a file, by its path or what else names it, and the label that its voxels get, from 1. */
export interface LabelledStructure<F> {
  readonly file: F;
  readonly label: number;
  /** Its name in the file; without it all that the file holds. */
  readonly name?: string;
}

/** Labels on an image's grid, in its stored order. */
export interface DrawnStructures {
  readonly data: Uint16Array<ArrayBuffer>;
  /** How many voxels each structure has, whatever label they have in the end. */
  readonly voxels: readonly number[];
  /** What was odd; whole sentences. */
  readonly warnings: string[];
}

/**
 * The labels of structures on an image's grid: a voxel of several has the lowest. `called` is what a warning of those
 * calls the mask. Throws DataError as StructureSet.voxels, and as `open`.
 */
export async function drawStructures<F>(
  structures: readonly LabelledStructure<F>[],
  open: (file: F) => Promise<DrawnFile>,
  image: Volume,
  called: string,
): Promise<DrawnStructures> {
  const labels = new LabelMap(image);
  const voxels = structures.map(() => 0);
  const warnings: string[] = [];
  for (const file of new Set(structures.map((s) => s.file))) {
    const opened = await open(file);
    const parts = structures.flatMap((structure, i) => {
      if (structure.file !== file) return [];
      const names = structure.name === undefined ? opened.names : [structure.name];
      return names.map((name) => ({ name, i, label: structure.label }));
    });
    const odd = await opened.voxels(
      parts.map(({ name }) => name),
      image,
      (part, voxel) => {
        const { i, label } = parts[part]!;
        voxels[i]!++;
        labels.put(voxel, label);
      },
    );
    warnings.push(...odd);
  }
  return { data: labels.data, voxels, warnings: [...warnings, ...labels.warnings(called)] };
}
