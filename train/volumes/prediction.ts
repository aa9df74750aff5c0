// A volume segmented by a trained regime: what is done to its mask, and how it is described.
import { fillHoles, keepLargest } from "../../data/components.ts";
import type { Range } from "../../data/intensity.ts";
import { fromLps } from "../../data/orientation.ts";
import type { Field } from "../../data/resample.ts";
import { type Volume, voxelVolumeMm3 } from "../../data/volume.ts";
import type { SegmentVolumeOptions } from "../../inference/segmenter.ts";
import { type SegmentOptions, fieldsOf } from "../../inference/volume.ts";
import { type TrainConfig, outputsOf, structureNames } from "../config/config.ts";
import { type VolumeSegmenter, imagesOf, maskOf, maskValues } from "./volume-segmenter.ts";

export interface PredictionOptions extends Pick<SegmentVolumeOptions, "threshold" | "crop" | "signal" | "onProgress"> {
  /** Whether the structures' probabilities are kept too. */
  readonly probabilities?: boolean;
  /** Parts of each structure that are kept, the largest; all where it is not given. */
  readonly largest?: number | undefined;
  /** Whether holes within axial slices are filled, after that. */
  readonly fillHoles?: boolean;
}

export interface Prediction {
  /** In the stored order, with the masks' own values. */
  readonly mask: ReturnType<typeof maskOf>;
  /** Of each structure, in the stored order: before parts are left out and holes filled. */
  readonly probabilities: readonly Float32Array<ArrayBuffer>[];
  readonly structures: readonly { readonly name: string; readonly voxels: number; readonly ml: number }[];
}

/**
 * Segments `stored`, of which `image` is the Left-Posterior-Superior order, scaled from `range`. Throws the reason of
 * `signal` as soon as it aborts.
 */
export async function predictVolume(
  segmenter: VolumeSegmenter,
  stored: Volume,
  { image, range }: { readonly image: Volume; readonly range: Range },
  { probabilities = false, largest, fillHoles: fills = false, ...options }: PredictionOptions = {},
): Promise<Prediction> {
  const { config } = segmenter;
  const values = maskValues(config);
  const first = outputsOf(config) === 1 ? 0 : 1; // of several the background has a plane too
  const [nx, ny] = image.shape;
  const maps = probabilities ? values.map(() => new Float32Array(image.data.length)) : [];
  const onSlice = (z: number, planes: readonly Float32Array[]): void =>
    maps.forEach((map, k) => map.set(planes[first + k]!, z * nx * ny));
  let classes = await segmenter.segment(image, range, { ...options, onSlice });
  if (largest !== undefined) classes = keepLargest(classes, image.shape, largest);
  if (fills) classes = fillHoles(classes, image.shape);
  const counts = new Array<number>(values.length + 1).fill(0);
  for (const k of classes) counts[k]!++;
  const voxelMl = voxelVolumeMm3(image.affine) / 1000;
  return {
    mask: maskOf(classes, stored, config),
    probabilities: maps.map((map) => fromLps(map, stored)),
    structures: structureNames(config).map((name, i) => ({
      name,
      voxels: counts[i + 1]!,
      ml: counts[i + 1]! * voxelMl,
    })),
  };
}

/** "liver: 200 voxels, 1.2 ml; label 2: …", without the name of a structure alone. */
export const structuresText = (structures: Prediction["structures"]): string =>
  structures
    .map(({ name, voxels, ml }) => {
      const label = structures.length > 1 ? `${name}: ` : "";
      return `${label}${voxels} voxels, ${ml.toFixed(1)} ml`;
    })
    .join("; ");

/** What of each slice is segmented, for the user. */
export function coverageText(
  config: TrainConfig,
  image: Pick<Volume, "shape" | "spacingMm">,
  { crop = false }: Pick<SegmentOptions, "crop">,
): string {
  const [nx, ny] = image.shape;
  const { fieldMm } = config.data;
  const fields = fieldsOf(image, imagesOf(config), { crop });
  const field = `${fieldMm!.toFixed(0)} × ${fieldMm!.toFixed(0)} mm`;
  if (fields.length > 1)
    return `each slice of ${nx} × ${ny} is segmented whole, by ${fields.length} fields of ${field}`;
  const [{ x, y, width, height }] = fields as [Field];
  const along = (start: number, side: number, n: number): number => Math.min(n, start + side) - Math.max(0, start);
  const share = (along(x, width, nx) * along(y, height, ny)) / (nx * ny);
  return share < 1
    ? `only the central ${field} of each slice are segmented, ${(100 * share).toFixed(0)} % of it (--crop)`
    : `each slice lies within one field of ${field}`;
}
