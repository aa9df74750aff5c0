// What a trained run is worth on cases it has not seen: each case as a whole volume on its own grid, in millimetres.
import { type Range, rangeOf } from "../../data/intensity.ts";
import { DataError } from "../../data/errors.ts";
import type { LoadedCase } from "../../data/slices.ts";
import { isSheared } from "../../data/volume.ts";
import type { Device } from "../../engine/index.ts";
import { overlap, diceOf } from "../../metrics/dice.ts";
import { hausdorff, surfaceDice, surfaceDistances } from "../../metrics/surface.ts";
import type { CaseValues } from "../../report/comparison.ts";
import { type TrainConfig, structuresOf } from "../../train/config/config.ts";
import type { RunFolder } from "./folder.ts";
import { VolumeSegmenter } from "./segment.ts";
import type { Source } from "./source.ts";

/** Metrics by name of each case by id. */
export type Evaluation = Record<string, CaseValues>;

/** A whole case with its expert's mask, and the range that its values are scaled by. */
export interface TestCase {
  readonly case: LoadedCase;
  readonly range: Range;
}

/**
 * The cases of the student's source that a configuration is tested on, one in memory at a time. Throws CommandError
 * where a case is gone, DataError where a file is wrong.
 */
export async function* testCases(
  source: Source,
  ids: readonly string[],
  { data: { labels, studentIntensity } }: TrainConfig,
): AsyncGenerator<TestCase> {
  for (const id of ids) {
    const loaded = await source.load(id, { labels });
    yield { case: loaded, range: rangeOf(studentIntensity, loaded.image.data, id) };
  }
}

export interface EvaluateOptions {
  /** The tolerance of surface Dice. */
  readonly toleranceMm: number;
  /** Names of the structures, in the order of the classes; numbers where there are more or fewer. */
  readonly names?: readonly string[];
  /** Hears of each case once it is done. */
  onCase?(id: string): void;
}

/**
 * DSC, SDSC and HD95 of each case by the run's best checkpoint, and the part of its voxels that was segmented: "DSC", or "DSC LV", "DSC RK", … and "DSC Avg." of
 * several structures, by `names` or their numbers. A structure that neither mask has is undefined (NaN); one that
 * only one mask has scores 0, 0, and for HD95 the diagonal of the volume. Throws DataError where a case's grid is
 * sheared.
 */
export async function evaluateRun(
  device: Device,
  config: TrainConfig,
  run: RunFolder,
  cases: AsyncIterable<TestCase>,
  { toleranceMm, names, onCase }: EvaluateOptions,
): Promise<Evaluation> {
  const { checkpoint } = await run.bestOrLatest();
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint);
  const structures = structuresOf(config);
  const found: Evaluation = {};
  const called = names?.length === structures ? names : Array.from({ length: structures }, (_, k) => String(k + 1));
  for await (const {
    case: { id, image, mask: expert },
    range,
  } of cases) {
    const mask = await segmenter.segment(image, range, { crop: true });
    found[id] = { ...scores(mask, expert, image, called, toleranceMm), [SEGMENTED]: shareOf(mask) };
    onCase?.(id);
  }
  return found;
}

/** The value of a case that says which part of its voxels was segmented. */
const SEGMENTED = "segmented";

const shareOf = (mask: Uint8Array): number => mask.reduce((sum, v) => sum + Number(v > 0), 0) / mask.length;

/** Whether a row segmented anything right, and not all of every case or nothing. */
export function didLearn(cases: Evaluation): boolean {
  const values = Object.values(cases);
  const isConstant = values.every(({ [SEGMENTED]: share }) => share === 0 || share === 1);
  const isRight = values.some((scored) => (scored.DSC ?? scored["DSC Avg."] ?? 0) > 0);
  return isRight && !isConstant;
}

const METRICS = ["DSC", "SDSC", "HD95"] as const;
type Scores = Record<(typeof METRICS)[number], number>;

/** Scores of one structure, or of each of several and their mean over those that are defined. */
function scores(
  mask: Uint8Array,
  expert: Uint8Array,
  image: LoadedCase["image"],
  names: readonly string[],
  toleranceMm: number,
): CaseValues {
  if (names.length === 1) return scoresOf(mask, expert, image, toleranceMm);
  const only = (classes: Uint8Array, k: number): Uint8Array => classes.map((v) => Number(v === k));
  const structures = names.map((name, i) => ({
    name,
    scores: scoresOf(only(mask, i + 1), only(expert, i + 1), image, toleranceMm),
  }));
  return Object.fromEntries(
    METRICS.flatMap((metric) => [
      ...structures.map((s) => [`${metric} ${s.name}`, s.scores[metric]]),
      [`${metric} Avg.`, meanOfDefined(structures.map((s) => s.scores[metric]))],
    ]),
  );
}

/** Scores of one structure, whose voxels are those that are not 0. */
function scoresOf(
  a: Uint8Array,
  b: Uint8Array,
  { name, shape, spacingMm, affine }: LoadedCase["image"],
  toleranceMm: number,
): Scores {
  if (isSheared(affine)) {
    const problem = "the grid is sheared, as by a tilted gantry: SDSC and HD95 can't be measured in millimetres";
    throw new DataError(name, "affine", problem, "resample the case to a grid of right angles, or do not test on it");
  }
  const distances = surfaceDistances({ a, b, shape, spacingMm });
  const [x, y, z] = shape;
  const diagonal = Math.hypot(x * spacingMm[0], y * spacingMm[1], z * spacingMm[2]);
  const hd = hausdorff(distances, 95);
  return {
    DSC: diceOf(overlap(a, b), "undefined"),
    SDSC: surfaceDice(distances, toleranceMm),
    HD95: hd === Infinity ? diagonal : hd,
  };
}

function meanOfDefined(values: readonly number[]): number {
  const defined = values.filter((v) => !Number.isNaN(v));
  return defined.length ? defined.reduce((sum, v) => sum + v, 0) / defined.length : NaN;
}
