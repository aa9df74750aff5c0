// How a mask becomes the bytes of a file: an image format that is written, or an object of its DICOM series.
import { maskObjects, segmentsOf, writeMaskObject } from "../data/formats/dicom-out.ts";
import { writableFormat, writableNames, writableSuffixes } from "../data/formats/index.ts";
import type { Volume } from "../data/volume.ts";
import { readSeries } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { type maskOf, maskValues } from "../train/volumes/volume-segmenter.ts";
import { version } from "../package.json";
import { type TrainConfig, outputsOf } from "../train/config/config.ts";

/** A mask in the order of `stored` as the bytes of a file; `description` names what made it. */
export type MaskWriter = (
  mask: ReturnType<typeof maskOf>,
  stored: Volume,
  config: TrainConfig,
  description: string,
) => Promise<Uint8Array>;

/** How a mask is written as `kind` to a file of that name. Throws CommandError where the two do not go together. */
export async function maskWriter(output: string, kind: string, imagePath: string): Promise<MaskWriter> {
  if (kind === "nifti") {
    const format = writableFormat(output);
    if (format) return async (mask, stored) => format.write(mask, stored, output);
    const mend = /\.dcm$/i.test(output) ? "give --format rtstruct or seg, or end" : "end";
    throw new CommandError("usage", `-o ${output} is no ${writableNames} name; ${mend} it in ${writableSuffixes}`);
  }
  const object = maskObjects.find((o) => o === kind);
  if (!object) throw new CommandError("usage", `--format ${kind} is none of nifti, ${maskObjects.join(", ")}`);
  if (!/\.dcm$/i.test(output)) throw new CommandError("usage", `-o ${output} is no DICOM name; end it in .dcm`);
  // What the series lacks is found before the work is done.
  const series = await readSeries(imagePath);
  return async (mask, _, config, description) =>
    writeMaskObject(object, mask, series, segmentsOf(labelsOf(config)), { version, description, date: new Date() });
}

/** The structures of a configuration's masks. */
const labelsOf = (config: TrainConfig) =>
  maskValues(config).map((value, i) => ({
    name: config.data.names?.[i] ?? (outputsOf(config) > 1 ? `label ${value}` : "tumour"),
    value,
  }));
