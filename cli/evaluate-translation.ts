// cmedl evaluate RUN --translation: how like the teacher's modality a run's pseudo images are.
import type { Device } from "../engine/index.ts";
import { CommandError } from "../node/errors.ts";
import { exists } from "../node/files.ts";
import type { Narrator } from "../node/narrator.ts";
import type { TestCase } from "../node/run/evaluate.ts";
import { type Source, imageSource } from "../node/run/source.ts";
import { VolumeTranslator } from "../train/volumes/volume-translator.ts";
import { TRANSLATION_NOTES, otherGridText, testTranslation } from "../node/run/translation-test.ts";
import type { TestRecord } from "../report/page/run-page.ts";
import type { Checkpoint } from "../train/checkpoint.ts";
import type { TrainConfig } from "../train/config/config.ts";

/**
 * Real images of the teacher's modality: of the folder that is named, else the run's own. Throws CommandError,
 * DataError.
 */
export async function realImages({ data }: TrainConfig, folder: string | undefined): Promise<Source> {
  const named = folder ?? data.teacher;
  if (named === "")
    throw new CommandError(
      "usage",
      "the run's teacher learned from phantoms; name a folder of real images by --teacher",
    );
  if (folder === undefined && !(await exists(named)))
    throw new CommandError("data", `${named}, which the run's teacher learned from, is gone; name it by --teacher`);
  return imageSource(named);
}

interface Translations {
  readonly cases: AsyncIterable<TestCase>;
  readonly count: number;
  readonly real: Source;
  readonly paired?: Source | undefined;
  readonly narrator: Narrator;
}

/** Tests a run's translator on cases. Throws CommandError and DataError as testTranslation. */
export async function evaluateTranslation(
  device: Device,
  config: TrainConfig,
  checkpoint: Checkpoint,
  { cases, count, narrator, ...images }: Translations,
): Promise<Pick<TestRecord, "cases" | "notes">> {
  using translator = await VolumeTranslator.open(device, config, checkpoint);
  const reading = narrator.bar("real images", images.real.cases.length);
  const bar = narrator.bar("translating", count);
  const found = await testTranslation(config, {
    translator,
    cases,
    ...images,
    onReal: (id) => reading.advance(id),
    onCase: (id) => bar.advance(id),
    onOtherGrid: (id) => narrator.say(otherGridText(id)),
  });
  reading.done();
  bar.done();
  narrator.end();
  return { cases: found, notes: TRANSLATION_NOTES };
}
