// The standard scale of a run's histograms: its landmarks are learned from the images that train, never from those that
// validate or test, and stand in the run's configuration, by which all later commands scale.
import type { IntensityRule } from "../../data/intensity.ts";
import { landmarksOf, standardLandmarks } from "../../data/standardization.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { Narrator } from "../narrator.ts";
import type { RunSources } from "./sets.ts";
import type { Source } from "./source.ts";

/**
 * A configuration with its cases, and the landmarks that its rules lack, learned from the cases that train; one volume
 * is in memory at a time. Throws DataError where an image can't be read or has no histogram to standardize.
 */
export async function withLandmarks(
  config: TrainConfig,
  { student, teacher }: RunSources,
  narrator: Narrator,
): Promise<TrainConfig> {
  const { data, cases } = config;
  const learned = async (
    what: string,
    rule: IntensityRule,
    source: Source | undefined,
    ids: readonly string[],
  ): Promise<IntensityRule> => {
    if (rule.kind !== "histogram" || rule.landmarks !== null || !source) return rule;
    const bar = narrator.bar(`histograms of the ${what}`, ids.length);
    const images: number[][] = [];
    try {
      for (const id of ids) {
        const { image } = await source.load(id, { labels: "any" });
        images.push(landmarksOf(image.data, image.name));
        bar.advance(id);
      }
    } finally {
      bar.done();
    }
    return { ...rule, landmarks: standardLandmarks(images) };
  };
  return {
    ...config,
    data: {
      ...data,
      studentIntensity: await learned("student", data.studentIntensity, student, cases.studentTrain),
      teacherIntensity: await learned("teacher", data.teacherIntensity, teacher, cases.teacherTrain),
    },
  };
}
