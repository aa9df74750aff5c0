// How like real images of the teacher's modality a run's pseudo images are (Table V): their values as a distribution,
// and voxel by voxel where a patient was imaged by both.
import { rangeOf, scaleInto } from "../../data/intensity.ts";
import { slicesOnGrid } from "../../data/slices.ts";
import { type Volume, storedSlice } from "../../data/volume.ts";
import { histogram, klOfCounts, psnr, ssim } from "../../metrics/similarity.ts";
import type { CaseValues } from "../../report/comparison.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { withoutImageWord } from "../dataset/index.ts";
import type { Evaluation, TestCase } from "./evaluate.ts";
import type { Source } from "./source.ts";
import type { VolumeTranslator } from "../../train/volumes/volume-translator.ts";

/** Where values lie that are scaled to train. */
const SCALED = [-1, 1] as const;
const BINS = 256;

export const TRANSLATION_NOTES = [
  `KL: divergence of the values of a pseudo image's voxels from those of all real images together, each scaled to train, in ${BINS} bins.`,
  "SSIM (the mean over axial slices) and PSNR: against the patient's own real image, where one is given.",
];

/** The line about a case whose real image lies on another grid. */
export const otherGridText = (id: string): string =>
  `${id}: its real image lies on another grid: no SSIM, no PSNR; resample it to the student's grid`;

export interface TranslationOptions {
  readonly translator: VolumeTranslator;
  /** Cases of the student's modality. */
  readonly cases: AsyncIterable<TestCase>;
  /** Real images of the teacher's modality. */
  readonly real: Source;
  /**
   * Real images of the cases' own patients, registered to them; of the same ids, but for a word such as "ct" or "mr".
   */
  readonly paired?: Source | undefined;
  /** Hears of each real image once it is counted, and of each case once it is done. */
  onReal?(id: string): void;
  onCase?(id: string): void;
  /** Hears of a case whose real image lies on another grid. */
  onOtherGrid?(id: string): void;
}

/**
 * KL, SSIM and PSNR of each case's pseudo image by id, as TRANSLATION_NOTES says; SSIM and PSNR are NaN where a case
 * has no real image. Throws DataError and CommandError as Source.load.
 */
export async function testTranslation(
  config: TrainConfig,
  { translator, cases, real, paired, onReal, onCase, onOtherGrid }: TranslationOptions,
): Promise<Evaluation> {
  const counts = new Float64Array(BINS);
  for (const { id } of real.cases) {
    const image = await real.loadImage(id);
    for (const [bin, n] of histogram(scaledToTrain(image, config), SCALED, BINS).entries()) counts[bin]! += n;
    onReal?.(id);
  }
  const found: Record<string, CaseValues> = {};
  for await (const { case: tested, range } of cases) {
    const { id, image } = tested;
    const pseudo = await translator.scaled(image, range);
    const also = paired?.cases.find((c) => withoutImageWord(c.id) === withoutImageWord(id));
    // The case may be the slices of its image that hold lung.
    const own = also && slicesOnGrid(await paired!.loadImage(also.id), image);
    if (also && !own) onOtherGrid?.(id);
    found[id] = {
      KL: klOfCounts(histogram(pseudo, SCALED, BINS), counts),
      ...(own ? likeness(pseudo, scaledToTrain(own, config), image) : { SSIM: NaN, PSNR: NaN }),
    };
    onCase?.(id);
  }
  return found;
}

function scaledToTrain({ data, name }: Volume, { data: { teacherIntensity } }: TrainConfig): Float32Array<ArrayBuffer> {
  const scaled = new Float32Array(data.length);
  scaleInto(scaled, 0, data, rangeOf(teacherIntensity, data, name));
  return scaled;
}

function likeness(
  a: Float32Array<ArrayBuffer>,
  b: Float32Array<ArrayBuffer>,
  { shape }: Volume,
): { SSIM: number; PSNR: number } {
  const [width, height, depth] = shape;
  const dataRange = SCALED[1] - SCALED[0];
  const slices = Array.from({ length: depth }, (_, z) =>
    ssim({ a: storedSlice(a, shape, z), b: storedSlice(b, shape, z), dataRange, height, width }),
  );
  return { SSIM: slices.reduce((sum, v) => sum + v, 0) / depth, PSNR: psnr({ a, b, dataRange }) };
}
