// The standard scale of a run's histograms: its landmarks are learned from the images that train, never from those that
// validate or test, and stand in the run's configuration, by which all later uses scale.
import type { IntensityRule } from "../../data/intensity.ts";
import { landmarksOf, standardLandmarks } from "../../data/standardization.ts";
import type { TrainConfig } from "../config/config.ts";
import type { CaseSource } from "./case-source.ts";
import type { TrainingSources } from "./sets.ts";

/** Progress: how many histograms of the images that train one network are known; `done` is 0 before the first. */
export interface LandmarksProgress {
  readonly what: "student" | "teacher";
  readonly done: number;
  readonly total: number;
}

/**
 * A configuration with its cases, and the landmarks that its rules lack, learned from the cases that train; one volume
 * is in memory at a time. Throws DataError where an image can't be read or has no histogram to standardize.
 */
export async function withLandmarks(
  config: TrainConfig,
  { student, teacher }: TrainingSources,
  onProgress?: (progress: LandmarksProgress) => void,
): Promise<TrainConfig> {
  const { data, cases } = config;
  const learned = async (
    what: LandmarksProgress["what"],
    rule: IntensityRule,
    source: CaseSource | undefined,
    ids: readonly string[],
  ): Promise<IntensityRule> => {
    if (rule.kind !== "histogram" || rule.landmarks !== null || !source) return rule;
    const images: number[][] = [];
    onProgress?.({ what, done: 0, total: ids.length });
    for (const id of ids) {
      const image = await source.loadImage(id);
      images.push(landmarksOf(image.data, image.name));
      onProgress?.({ what, done: images.length, total: ids.length });
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
