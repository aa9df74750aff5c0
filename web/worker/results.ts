// What is done with masks: held against the expert's, and written.
import { DataError } from "../../data/errors.ts";
import { type MaskObject, segmentsOf, seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { isSameGrid } from "../../data/alignment.ts";
import { fromLps } from "../../data/orientation.ts";
import { UsageError } from "../../engine/index.ts";
import type { Label } from "../../inference/index.ts";
import { diceOf, overlap } from "../../metrics/dice.ts";
import { scoresOf } from "../../metrics/scores.ts";
import { version } from "../../package.json";
import { transfer } from "comlink";
import type { Files, KeptImage } from "./files.ts";

export interface Comparison {
  /** One row for each structure, with their mean behind several. NaN: neither mask has it. */
  readonly structures: readonly {
    readonly name: string;
    readonly dice: number;
    readonly surfaceDice: number;
    readonly hd95Mm: number;
  }[];
  /** The slices that agree least, worst first: those that either mask has something on. */
  readonly worst: readonly { readonly slice: number; readonly dice: number }[];
}

export type MaskFormat = "nifti" | MaskObject;

export interface WrittenFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const WORST = 5;
export class Results {
  constructor(readonly files: Files) {}

  /**
   * Scores of a mask on an image against the expert's: of each structure that the expert names, or of all that is drawn
   * as one, where one of the two has a single structure. Throws DataError where the two lie on other grids.
   */
  compare(
    imageId: number,
    mask: Uint8Array<ArrayBuffer>,
    labels: readonly Label[],
    expertId: number,
    toleranceMm: number,
  ): Comparison {
    const { image } = this.#image(imageId);
    const expert = this.files.masks.get(expertId);
    if (!expert) throw new UsageError("the expert's mask was closed");
    if (!isSameGrid(image, expert.volume))
      throw new DataError(
        expert.volume.name,
        "grid",
        "is not that of the image",
        "drop the mask that belongs to this image",
      );
    const structures = labels.length > 1 && expert.labels.length > 1 ? expert.labels : undefined;
    const classOf = new Uint8Array(256).fill(structures ? 0 : 1);
    classOf[0] = 0;
    structures?.forEach(({ value }, i) => {
      classOf[value] = i + 1;
    });
    const [ours, theirs] = [mask, expert.volume.data].map((data) => Uint8Array.from(data, (v) => classOf[v]!));
    const [nx, ny, nz] = image.shape;
    const slices = Array.from({ length: nz }, (_, z) => {
      const on = (data: Uint8Array): Uint8Array => data.subarray(z * nx * ny, (z + 1) * nx * ny);
      return { slice: z, dice: diceOf(overlap(on(ours!), on(theirs!)), "undefined") };
    });
    const names = structures?.map(({ name }) => name) ?? [];
    const scores = scoresOf(ours!, theirs!, image, { names: names.length > 0 ? names : ["structure"], toleranceMm });
    const rows = names.length > 0 ? [...names, "Avg."] : [undefined];
    return {
      structures: rows.map((name) => {
        const of = (metric: string): number => scores[name === undefined ? metric : `${metric} ${name}`]!;
        return { name: name ?? "all", dice: of("DSC"), surfaceDice: of("SDSC"), hd95Mm: of("HD95") };
      }),
      worst: slices
        .filter(({ dice }) => !Number.isNaN(dice))
        .sort((p, q) => p.dice - q.dice)
        .slice(0, WORST),
    };
  }

  /**
   * The file of a mask, on the grid of its image as that was stored. Throws DataError where its series can't carry it.
   */
  async write(
    imageId: number,
    mask: Uint8Array<ArrayBuffer>,
    labels: readonly Label[],
    format: MaskFormat,
  ): Promise<WrittenFile> {
    const { stored, series } = this.#image(imageId);
    const inOrder = fromLps(mask, stored);
    const stem = stored.name.replace(/^.*\//, "").replace(/\.(nii(\.gz)?|nrrd|mha|mhd|npy|png|dcm)$/i, "");
    let file: WrittenFile;
    if (format === "nifti") file = { name: `${stem}_mask.nii.gz`, bytes: writeNifti(inOrder, stored) };
    else if (series) {
      const maker = { version, description: "cmedl studio", date: new Date() };
      const bytes = await writeMaskObject(
        format,
        inOrder,
        await seriesOf(series, stored.name),
        segmentsOf(labels),
        maker,
      );
      file = { name: `${stem}_${format}.dcm`, bytes };
    } else {
      const problem = "is no DICOM series, which contours and segments refer to";
      throw new DataError(stored.name, "image", problem, "write the mask as NIfTI");
    }
    return transfer(file, [file.bytes.buffer]);
  }

  #image(id: number): KeptImage {
    const found = this.files.images.get(id);
    if (!found) throw new UsageError("the image was closed");
    return found;
  }
}
