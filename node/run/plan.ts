// From a configuration as it was asked for to a whole one: what the folders of data and the file of VGG weights decide.
import { DataError } from "../../data/errors.ts";
import { type DrawnFold, drawFold } from "../../data/folds.ts";
import { type CaseName, type SplitLists, type UnpairedSplit, splitUnpaired } from "../../data/split.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { Regime } from "../../train/regime.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { idsOf, withCases } from "../../train/run/plan.ts";
import type { FoundSplits } from "../dataset/index.ts";
import { Narrator } from "../narrator.ts";
import { withLandmarks } from "./landmarks.ts";
import type { RunSources } from "./sets.ts";
import { type Source, imageSource, scanSource } from "./source.ts";
import { examineInit } from "./init.ts";
import { examineVgg } from "./vgg.ts";

export interface RunPlan {
  /** The whole configuration: with the cases, the field and the features' taps. */
  readonly config: TrainConfig;
  readonly sources: RunSources;
  /** What split the student's cases, in words: "split by FILE", "split by patient from seed 0", "fold 1 of 5, …". */
  readonly splitBy: string;
}

/**
 * Scans the folders that `asked.data` names, splits their cases and fills in what is not given. A teacher that is named
 * but not read by the regime still counts for field and split, so that runs compare. `inputs` are the regime's.
 * Landmarks that are to be learned are, from the images that train. Throws DataError where a folder, a header, the
 * splits, an image that is learned from, the file of VGG weights or that of initial ones is wrong, and where the
 * folders call a label that is wanted by two names.
 */
export async function planRun(
  asked: TrainConfig,
  inputs = makeRegime(asked).inputs,
  narrator = new Narrator({ quiet: true }),
): Promise<RunPlan> {
  const { data } = asked;
  const student = await scanSource(data.student);
  const teacher = data.teacher === "" ? undefined : await teacherSource(data.teacher, inputs);
  const { split, splitBy } = await splitOf(asked, student, teacher);
  const sides = [...(await student.shortSidesMm()), ...((await teacher?.shortSidesMm()) ?? [])];
  const planned = await withFeaturesOfFile(withCases(asked, { student, teacher }, split, sides));
  await examineInit(planned);
  const sources = { student, teacher: inputs.includes("xM") ? teacher : undefined };
  const config = await withLandmarks(planned, sources, narrator);
  return { config, sources, splitBy };
}

/** What is split: cases, and the splits that go with them. */
type Splittable = Pick<Source, "cases" | "name" | "splits">;

/**
 * Which cases train, validate and are tested on, and what split them, in words. Throws DataError where the splits name
 * no case, or a patient stands in two lists.
 */
export async function splitOf(
  asked: TrainConfig,
  student: Splittable,
  teacher: Splittable | undefined,
): Promise<{ split: UnpairedSplit; splitBy: string }> {
  const { lists, splitBy } = await listsOf(asked, student, teacher);
  return { split: splitUnpaired(student.cases, teacher?.cases ?? [], { seed: asked.seed, lists }), splitBy };
}

/** The lists that split the sets: of the fold that is asked for, else of a file; none where the seed splits. */
async function listsOf(
  { data: { fold, splits }, seed }: TrainConfig,
  student: Splittable,
  teacher: Splittable | undefined,
): Promise<{ lists: { student?: SplitLists; teacher?: SplitLists }; splitBy: string }> {
  if (fold !== null && typeof fold !== "number") {
    const [number, of] = fold;
    const drawn = drawFold(student.cases, { fold: number, of }, student.name);
    return { lists: { student: listsOfFold(drawn) }, splitBy: `fold ${number} of ${of}, drawn by patient` };
  }
  const ofFile = (source: Splittable): Promise<FoundSplits | undefined> =>
    source.splits(splits ?? undefined, fold === null ? undefined : fold - 1);
  const found = await ofFile(student);
  if (!found && fold !== null)
    throw new DataError(
      student.name,
      "splits",
      `there is no file of splits that fold ${fold} could be of`,
      `name one with --splits, or draw the fold by patient: --fold ${fold}/5`,
    );
  return {
    lists: { student: found?.lists, teacher: teacher && (await ofFile(teacher))?.lists },
    splitBy: `split by ${found ? `${found.path}${fold === null ? "" : `, fold ${fold}`}` : `patient from seed ${seed}`}`,
  };
}

/** A drawn fold as lists of ids. */
export const listsOfFold = ({ train, val }: DrawnFold<CaseName>): SplitLists => ({
  train: { train: idsOf(train) },
  val: idsOf(val),
});

/** The sources of a whole configuration, as a resume reads them. Throws DataError where a folder is wrong. */
export async function openSources(config: TrainConfig, inputs = makeRegime(config).inputs): Promise<RunSources> {
  const { data } = config;
  const teacher = inputs.includes("xM") ? await teacherSource(data.teacher, inputs) : undefined;
  return { student: await scanSource(data.student), teacher };
}

/** With the taps and the width that the file of VGG weights has, where one is named. Throws DataError, FileError. */
export async function withFeaturesOfFile(config: TrainConfig): Promise<TrainConfig> {
  const { networks } = config;
  const { features } = networks;
  if (features.file === null) return config;
  const found = await examineVgg(features.file, features);
  return { ...config, networks: { ...networks, features: { ...features, ...found } } };
}

/** The teacher's folder; its masks are asked for only where the regime reads them. */
const teacherSource = (folder: string, inputs: Regime["inputs"]): Promise<Source> =>
  inputs.includes("yM") ? scanSource(folder) : imageSource(folder);
