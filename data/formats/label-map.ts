// Structures that may share voxels as one label a voxel.
import { printable } from "../errors.ts";
import type { LabelGrid, StructureSet } from "./structure-set.ts";

/** The labels of a grid's voxels; one of several structures has the lowest of their labels. */
export class LabelMap {
  readonly data: Uint16Array<ArrayBuffer>;
  #shared = 0;

  constructor({ shape: [nx, ny, nz] }: Pick<LabelGrid, "shape">) {
    this.data = new Uint16Array(nx * ny * nz);
  }

  /** Says that a voxel is of the structure with a label, from 1. */
  put(voxel: number, label: number): void {
    const known = this.data[voxel]!;
    if (known !== 0 && known !== label) this.#shared++;
    if (known === 0 || label < known) this.data[voxel] = label;
  }

  /** What is odd, as whole sentences; `file` is what they call it. */
  warnings(file: string): string[] {
    if (this.#shared === 0) return [];
    return [`${printable(file)}: ${this.#shared} voxels are of two structures: they have the lower label.`];
  }
}

/** Draws structures that `voxels` tells of, with their places among `names` as labels, from 1. */
export async function drawLabels(
  voxels: StructureSet["voxels"],
  names: readonly string[],
  grid: LabelGrid,
  file: string,
): ReturnType<StructureSet["draw"]> {
  const labels = new LabelMap(grid);
  const warnings = await voxels(names, grid, (structure, voxel) => labels.put(voxel, structure + 1));
  return { data: labels.data, warnings: [...warnings, ...labels.warnings(file)] };
}
