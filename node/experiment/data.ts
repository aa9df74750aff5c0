// What an experiment trains and tests on: two folders of scans, or phantoms made on the spot. Splits are by patient
// and the same for every row and seed.
import { join, resolve } from "node:path";
import { type IntensityRule, type Range, mrPercentile, rangeOf, softTissueWindow } from "../../data/intensity.ts";
import { keyOf, permutation } from "../../data/random.ts";
import { type LoadedCase, SliceCollector, type SliceSet, defaultFieldMm } from "../../data/slices.ts";
import { type CaseName, type SplitLists, splitUnpaired } from "../../data/split.ts";
import { type Modality, phantomCase } from "../../data/synthetic.ts";
import type { PartialConfig, TrainConfig } from "../../train/config/config.ts";
import { type Dataset, findSplits, loadCase, scanDataset, surveyCases } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import { exists } from "../files.ts";
import type { Narrator } from "../narrator.ts";
import type { RunSets } from "../run/train.ts";

/** One modality's cases. */
interface Source {
  /** Its folder, as configurations name it; "" for phantoms. */
  readonly folder: string;
  /** For messages. */
  readonly name: string;
  readonly cases: readonly CaseName[];
  /** How its images are scaled, where the preset does not know. */
  readonly intensity?: IntensityRule;
  /** The splits that go with it. */
  lists(): Promise<SplitLists | undefined>;
  load(id: string, labels: TrainConfig["data"]["labels"], onWarning: (message: string) => void): Promise<LoadedCase>;
}

/** Ids that train, choose the best epoch, and are tested on. */
export type Cases = TrainConfig["cases"] & { readonly test: readonly string[] };

export interface TestCase {
  readonly case: LoadedCase;
  readonly range: Range;
}

export class ExperimentData {
  #kept: { key: string; sets: RunSets } | undefined;
  private constructor(
    readonly says: string,
    readonly name: string,
    readonly defaults: PartialConfig,
    readonly student: Source,
    readonly teacher: Source,
    readonly narrator: Narrator,
  ) {}

  /** The folders --student and --teacher, or those below --data. Throws DataError and CommandError. */
  static async ofFolders(
    flags: { data?: string; student?: string; teacher?: string },
    below: readonly [string, string],
    splits: string | undefined,
    narrator: Narrator,
  ): Promise<ExperimentData> {
    const [studentPath, teacherPath] = await foldersOf(flags, below);
    const student = await scanDataset(studentPath);
    const teacher = await scanDataset(teacherPath);
    const surveys = [...(await surveyCases(student.cases)), ...(await surveyCases(teacher.cases))];
    const fieldMm = Math.round(defaultFieldMm(surveys.map((s) => s.shortSideMm)));
    const says = `${studentPath} (${student.cases.length} cases) and ${teacherPath} (${teacher.cases.length} cases)`;
    return new ExperimentData(
      says,
      `${studentPath}, ${teacherPath}`,
      { data: { fieldMm } },
      folderSource(student, splits),
      folderSource(teacher, splits),
      narrator,
    );
  }

  /** Phantoms: 12 train on either modality, 4 others choose the epoch, 12 others are tested on. */
  static ofPhantoms(
    modalities: readonly [Modality, Modality],
    size: number,
    narrator: Narrator,
    seed = 0,
  ): ExperimentData {
    const [student, teacher] = modalities.map((m) => phantomSource(m, size, seed));
    return new ExperimentData(
      `${modalities[0]} phantoms taught by ${modalities[1]} phantoms of other patients: ${TRAIN} of each train, ${VALIDATE} validate, ${TEST} test`,
      "phantom",
      PHANTOM_DEFAULTS,
      student,
      teacher,
      narrator,
    );
  }

  /** What a configuration has from the data: folders, sizes, and scalings of phantoms. */
  fields(swapped: boolean): PartialConfig {
    const { student, teacher } = this.#roles(swapped);
    return {
      ...this.defaults,
      data: {
        ...this.defaults.data,
        student: student.folder,
        teacher: teacher.folder,
        ...(student.intensity ? { studentIntensity: student.intensity } : {}),
        ...(teacher.intensity ? { teacherIntensity: teacher.intensity } : {}),
      },
    };
  }

  #roles(swapped: boolean): { student: Source; teacher: Source } {
    return swapped
      ? { student: this.teacher, teacher: this.student }
      : { student: this.student, teacher: this.teacher };
  }

  /**
   * Who trains and who is tested: as the set is split, or in one of `folds` folds, drawn by patient whatever splits
   * there are. Without a test list, and in folds, the validation cases are tested on.
   */
  async cases(swapped: boolean, fold: number | null, folds: number | null): Promise<Cases> {
    const { student, teacher } = this.#roles(swapped);
    const lists =
      fold === null
        ? { student: await student.lists(), teacher: await teacher.lists() }
        : { student: foldOf(student.cases, fold, folds!) };
    const split = splitUnpaired(student.cases, teacher.cases, { seed: 0, lists });
    const ids = (cases: readonly CaseName[]): string[] => cases.map((c) => c.id);
    const val = ids(split.student.val);
    const test = ids(split.student.test ?? []);
    return {
      studentTrain: ids(split.student.train),
      studentVal: val,
      teacherTrain: ids(split.teacher.train),
      test: test.length ? test : val,
    };
  }

  /** The slices of a configuration. The last are kept: rows mostly share them. */
  async sets(config: TrainConfig, swapped: boolean): Promise<RunSets> {
    const { data, cases, seed } = config;
    const key = JSON.stringify([data, cases, seed, swapped]);
    if (this.#kept?.key === key) return this.#kept.sets;
    const { student, teacher } = this.#roles(swapped);
    const slices = async (
      source: Source,
      ids: readonly string[],
      rule: TrainConfig["data"]["studentIntensity"],
      what: string,
      negatives: number | "all" = data.negatives,
    ): Promise<SliceSet> => {
      const collector = new SliceCollector({ grid: { fieldMm: data.fieldMm!, size: data.size }, seed, negatives });
      const bar = this.narrator.bar(`reading ${what}`, ids.length);
      for (const id of ids) {
        const loaded = await source.load(id, data.labels, (m) => this.narrator.say(m));
        collector.add(loaded, rangeOf(rule, loaded.image.data, id));
        bar.advance(id);
      }
      bar.done();
      return collector.finish(source.name);
    };
    const sets: RunSets = {
      student: await slices(student, cases.studentTrain, data.studentIntensity, "student"),
      teacher: await slices(teacher, cases.teacherTrain, data.teacherIntensity, "teacher"),
      validation: await slices(student, cases.studentVal, data.studentIntensity, "validation", "all"),
    };
    this.#kept = { key, sets };
    return sets;
  }

  /** The cases that are tested on, one in memory at a time. */
  async *test(config: TrainConfig, swapped: boolean, ids: readonly string[]): AsyncGenerator<TestCase> {
    const { student } = this.#roles(swapped);
    for (const id of ids) {
      const loaded = await student.load(id, config.data.labels, () => {});
      yield { case: loaded, range: rangeOf(config.data.studentIntensity, loaded.image.data, id) };
    }
  }
}

async function foldersOf(
  { data, student, teacher }: { data?: string; student?: string; teacher?: string },
  below: readonly [string, string],
): Promise<[string, string]> {
  if (data !== undefined) {
    const found = below.map((name) => resolve(join(data, name)));
    for (const path of found)
      if (!(await exists(path)))
        throw new CommandError(
          "usage",
          `${path} does not exist: --data ${data} must hold ${below.join("/ and ")}/, or name the folders by --student and --teacher`,
        );
    return found as [string, string];
  }
  if (student === undefined || teacher === undefined)
    throw new CommandError(
      "usage",
      "no data was named; give --student and --teacher, --data FOLDER, or --data phantom",
    );
  return [resolve(student), resolve(teacher)];
}

function folderSource(set: Dataset, splits: string | undefined): Source {
  return {
    folder: resolve(set.folder),
    name: set.folder,
    cases: set.cases,
    lists: async () => (await findSplits(set, splits === undefined ? {} : { path: splits }))?.lists,
    load: (id, labels, onWarning) => loadCase(set.cases.find((c) => c.id === id)!, { labels, onWarning }),
  };
}

/** Sizes at which all regimes train in minutes on two cores without a GPU. */
const TRAIN = 12;
const VALIDATE = 4;
const TEST = 12;
const SLICES = 16;
const FIELD_MM = 330;
export const PHANTOM_SIZE = 64;
const PHANTOM_DEFAULTS: PartialConfig = {
  data: { size: PHANTOM_SIZE, fieldMm: FIELD_MM, labels: null },
  networks: {
    segmentor: { width: 8 },
    generator: { width: 4, blocks: 2 },
    discriminator: { width: 4, layers: 2 },
    drit: { width: 4, blocks: 2 },
    features: { width: 4 },
    alpha: { width: 4 },
  },
  optimization: { batch: 4, rates: { G: 2e-3, D: 1e-3, S: 2e-3 } },
};

function phantomSource(modality: Modality, size: number, seed: number): Source {
  const ids = Array.from(
    { length: TRAIN + VALIDATE + TEST },
    (_, i) => `${modality.toLowerCase()}-${String(i + 1).padStart(3, "0")}`,
  );
  return {
    folder: "",
    name: `${modality} phantoms`,
    intensity: modality === "CT" ? softTissueWindow : mrPercentile,
    cases: ids.map((id) => ({ id, patient: id })),
    lists: async () => ({
      train: { train: ids.slice(0, TRAIN) },
      val: ids.slice(TRAIN, TRAIN + VALIDATE),
      test: ids.slice(TRAIN + VALIDATE),
    }),
    load: async (id) =>
      phantomCase({ modality, seed, index: ids.indexOf(id), size, slices: SLICES, fieldMm: FIELD_MM }),
  };
}

/** Every `folds`-th patient of an order drawn once validates; the others train. */
function foldOf(cases: readonly CaseName[], fold: number, folds: number): SplitLists {
  const patients = [...new Set(cases.map((c) => c.patient))].sort();
  if (patients.length < folds)
    throw new CommandError(
      "usage",
      `--folds ${folds}: there are ${patients.length} patients; give at most that many folds`,
    );
  const order = Array.from(permutation(patients.length, keyOf(0, "folds")), (i) => patients[i]);
  return {
    train: { train: order.filter((_, i) => i % folds !== fold) },
    val: order.filter((_, i) => i % folds === fold),
  };
}
