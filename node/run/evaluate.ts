// What a trained run is worth on cases it has not seen: each case as a whole volume on its own grid, in millimetres.
import { type Range, rangeOf } from "../../data/intensity.ts";
import { withinLungs } from "../../data/prepare.ts";
import type { LoadedCase } from "../../data/slices.ts";
import type { Device } from "../../engine/index.ts";
import { type RocCurve, rocCurve } from "../../metrics/roc.ts";
import { type CaseValues, SEGMENTED } from "../../report/comparison.ts";
import { type TrainConfig, outputsOf, structuresOf } from "../../train/config/config.ts";
import type { Checkpoint } from "../../train/checkpoint.ts";
import type { RunFolder } from "./folder.ts";
import { scoresOf } from "../../metrics/scores.ts";
import { VolumeSegmenter } from "../../train/volumes/volume-segmenter.ts";
import type { Source } from "./source.ts";

/** Metrics by name of each case by id. */
export type Evaluation = Record<string, CaseValues>;

/** A whole case with its expert's mask, and the range that its values are scaled by. */
export interface TestCase {
  readonly case: LoadedCase;
  readonly range: Range;
}

/**
 * The cases of the student's source that a configuration is tested on, one in memory at a time: whole, or the slices
 * that hold lung where the configuration takes those. Throws CommandError where a case is gone, DataError where a file
 * is wrong or no lung is found.
 */
export async function* testCases(
  source: Source,
  ids: readonly string[],
  { data: { labels, studentIntensity, slices } }: TrainConfig,
  onWarning?: (message: string) => void,
): AsyncGenerator<TestCase> {
  for (const id of ids) {
    const loaded = await source.load(id, { labels, ...(onWarning && { onWarning }) });
    const range = rangeOf(studentIntensity, loaded.image.data, id);
    yield { case: slices === "lung" ? withinLungs(loaded) : loaded, range };
  }
}

export interface EvaluateOptions {
  /** The tolerance of surface Dice. */
  readonly toleranceMm: number;
  /** Names of the structures, in the order of the classes; numbers where there are more or fewer. */
  readonly names?: readonly string[];
  /** The weights that are tested. Default: those of the run's best checkpoint. */
  readonly checkpoint?: Checkpoint;
  /** Whether each case's ROC curve is made too; of one structure only. */
  readonly roc?: boolean;
  /** Hears of each case once it is done. */
  onCase?(id: string, values: CaseValues, roc: RocCurve | undefined): void;
}

/**
 * DSC, SDSC and HD95 of each case by a run's checkpoint, and the part of its voxels that was segmented: "DSC",
 * or "DSC LV", "DSC RK", … and "DSC Avg." of several structures, by `names` or their numbers; "AUC" where ROC curves
 * are asked for. Each slice is segmented whole, as `predict` does. Undefined values and misses as `scoresOf`. Throws
 * DataError where a case's grid is sheared.
 */
export async function evaluateRun(
  device: Device,
  config: TrainConfig,
  run: RunFolder,
  cases: AsyncIterable<TestCase>,
  { toleranceMm, names, roc = false, onCase, ...given }: EvaluateOptions,
): Promise<Evaluation> {
  const { checkpoint } = given.checkpoint ? { checkpoint: given.checkpoint } : await run.bestOrLatest();
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint);
  const structures = structuresOf(config);
  const found: Evaluation = {};
  const called = names?.length === structures ? names : Array.from({ length: structures }, (_, k) => String(k + 1));
  for await (const {
    case: { id, image, mask: expert },
    range,
  } of cases) {
    const map = roc && outputsOf(config) === 1 ? new Float32Array(image.data.length) : undefined;
    const [nx, ny] = image.shape;
    const onSlice = (z: number, [plane]: readonly Float32Array[]): void => map?.set(plane!, z * nx * ny);
    const mask = await segmenter.segment(image, range, { onSlice });
    const curve = map && rocCurve(map, expert);
    const values = {
      ...scoresOf(mask, expert, image, { names: called, toleranceMm }),
      ...(curve ? { AUC: curve.auc } : {}),
      [SEGMENTED]: shareOf(mask),
    };
    found[id] = values;
    onCase?.(id, values, curve);
  }
  return found;
}

const shareOf = (mask: Uint8Array): number => mask.reduce((sum, v) => sum + Number(v > 0), 0) / mask.length;

/** Whether a row segmented anything right, and not all of every case or nothing. */
export function didLearn(cases: Evaluation): boolean {
  const values = Object.values(cases);
  const isConstant = values.every(({ [SEGMENTED]: share }) => share === 0 || share === 1);
  const isRight = values.some((scored) => (scored.DSC ?? scored["DSC Avg."] ?? 0) > 0);
  return isRight && !isConstant;
}
