// What a trained run is worth on cases it has not seen: each case as a whole volume on its own grid, in millimetres.
import type { Device } from "../../engine/index.ts";
import { overlap, diceOf } from "../../metrics/dice.ts";
import { hausdorff, surfaceDice, surfaceDistances } from "../../metrics/surface.ts";
import type { CaseValues } from "../../report/comparison.ts";
import { type TrainConfig, structuresOf } from "../../train/config/config.ts";
import type { TestCase } from "../experiment/data.ts";
import type { RunFolder } from "./folder.ts";
import { VolumeSegmenter } from "./segment.ts";

export type Evaluation = Record<string, CaseValues>;

export interface EvaluateOptions {
  /** Of surface Dice. */
  readonly toleranceMm: number;
  /** Of the structures, in the order of the classes; numbers where there are more or fewer. */
  readonly names?: readonly string[];
  onCase?(id: string): void;
}

/**
 * DSC, SDSC and HD95 of each case by the run's best checkpoint: "DSC", or "DSC LV", "DSC RK", … and "DSC Avg." of
 * several structures, by `names` or their numbers. A structure that neither mask has is undefined (NaN); one that
 * only one mask has scores 0, 0, and for HD95 the diagonal of the volume.
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
    const mask = await segmenter.segment(image, range);
    found[id] = scores(mask, expert, image, called, toleranceMm);
    onCase?.(id);
  }
  return found;
}

function scores(
  mask: Uint8Array,
  expert: Uint8Array,
  { shape, spacingMm }: TestCase["case"]["image"],
  names: readonly string[],
  toleranceMm: number,
): CaseValues {
  const diagonal = Math.hypot(...shape.map((s, d) => s * spacingMm[d]));
  const one = (class_: number): { DSC: number; SDSC: number; HD95: number } => {
    const [a, b] = names.length === 1 ? [mask, expert] : [mask, expert].map((m) => m.map((v) => Number(v === class_)));
    const distances = surfaceDistances({ a, b, shape, spacingMm });
    const hd = hausdorff(distances, 95);
    return {
      DSC: diceOf(overlap(a, b), "undefined"),
      SDSC: surfaceDice(distances, toleranceMm),
      HD95: hd === Infinity ? diagonal : hd,
    };
  };
  if (names.length === 1) return one(1);
  const all = names.map((_, k) => one(k + 1));
  return Object.fromEntries(
    (["DSC", "SDSC", "HD95"] as const).flatMap((name) => {
      const values = all.map((s) => s[name]);
      const defined = values.filter((v) => !Number.isNaN(v));
      return [
        ...values.map((v, k) => [`${name} ${names[k]}`, v]),
        [`${name} Avg.`, defined.length ? defined.reduce((s, v) => s + v, 0) / defined.length : NaN],
      ];
    }),
  );
}
