// What an experiment trains and tests on: two folders of scans, or phantoms made on the spot. Splits are by patient
// and the same for every row and seed.
import { join, resolve } from "node:path";
import { drawFold } from "../../data/folds.ts";
import { defaultFieldMm } from "../../data/slices.ts";
import { splitUnpaired } from "../../data/split.ts";
import type { Modality } from "../../data/synthetic.ts";
import { DISPOSE } from "../../engine/index.ts";
import type { PartialConfig, TrainConfig } from "../../train/config/config.ts";
import { CommandError } from "../errors.ts";
import { exists } from "../files.ts";
import type { SliceCache } from "../dataset/index.ts";
import type { Narrator } from "../narrator.ts";
import { type TestCase, testCases } from "../run/evaluate.ts";
import { withLandmarks } from "../run/landmarks.ts";
import { listsOfFold } from "../run/plan.ts";
import { type RunSets, loadRunSets } from "../run/sets.ts";
import { idsOf } from "../../train/run/plan.ts";
import { PHANTOM_COUNTS, PHANTOM_FIELD_MM } from "../../train/run/phantoms.ts";
import type { Oddness } from "../run/odd-images.ts";
import { type Source, imageSource, phantomSource, scanSource } from "../run/source.ts";

/** Ids that train, choose the best epoch, and are tested on. */
export type Cases = TrainConfig["cases"] & { readonly test: readonly string[] };

/** Folders as the command line names them: both, or one that holds both. */
export interface NamedFolders {
  readonly data?: string;
  readonly student?: string;
  readonly teacher?: string;
  /** Images of the teacher's modality of the student's own patients, registered to theirs. */
  readonly paired?: string;
}

/** How folders are read. */
export interface FolderOptions {
  /** The file of splits that was named for them. */
  readonly splits?: string | undefined;
  /** What is done with images that are plainly not what they are taken for. Default "refuse". */
  readonly odd?: Oddness;
  /** Where prepared slices are kept for the next row and the next time. */
  readonly cache?: SliceCache | undefined;
}

interface Roles {
  readonly student: Source;
  readonly teacher: Source;
}

export const PHANTOM_SIZE = 64;

/** Sizes at which all regimes train in minutes on two cores without a GPU. */
const PHANTOM_DEFAULTS: PartialConfig = {
  data: { size: PHANTOM_SIZE, fieldMm: PHANTOM_FIELD_MM, labels: null },
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

export class ExperimentData {
  #kept: { key: string; sets: RunSets } | undefined;
  readonly #learned = new Map<string, Promise<TrainConfig>>();
  private constructor(
    /** In words, for the user. */
    readonly says: string,
    /** What experiment.json calls it. */
    readonly name: string,
    readonly defaults: PartialConfig,
    readonly roles: Roles,
    /** Real images of the student's own patients; of phantoms those of either modality. */
    readonly paired: { readonly student?: Source; readonly teacher?: Source },
    readonly narrator: Narrator,
    readonly options: FolderOptions = {},
  ) {}

  /**
   * The folders --student and --teacher, or those called `below` in --data. Throws DataError where they hold no cases,
   * CommandError where none is named.
   */
  static async ofFolders(
    named: NamedFolders,
    below: readonly [string, string],
    narrator: Narrator,
    options: FolderOptions = {},
  ): Promise<ExperimentData> {
    const [studentPath, teacherPath] = await foldersOf(named, below);
    const student = await scanSource(studentPath);
    const teacher = await scanSource(teacherPath);
    const fieldMm = Math.round(defaultFieldMm([...(await student.shortSidesMm()), ...(await teacher.shortSidesMm())]));
    return new ExperimentData(
      `${studentPath} (${student.cases.length} cases) and ${teacherPath} (${teacher.cases.length} cases)`,
      `${studentPath}, ${teacherPath}`,
      { data: { fieldMm } },
      { student, teacher },
      named.paired === undefined ? {} : { student: await imageSource(named.paired) },
      narrator,
      options,
    );
  }

  /** Phantoms: 12 train on either modality, 4 others choose the epoch, 12 others are tested on. */
  static ofPhantoms(
    modalities: readonly [student: Modality, teacher: Modality],
    size: number,
    narrator: Narrator,
    seed = 0,
  ): ExperimentData {
    const [student, teacher] = modalities;
    const { train, validate, test } = PHANTOM_COUNTS;
    return new ExperimentData(
      `${student} phantoms taught by ${teacher} phantoms of other patients: ` +
        `${train} of each train, ${validate} validate, ${test} test`,
      "phantom",
      PHANTOM_DEFAULTS,
      { student: phantomSource(student, size, seed), teacher: phantomSource(teacher, size, seed) },
      {
        student: phantomSource(teacher, size, seed, PHANTOM_COUNTS, student),
        teacher: phantomSource(student, size, seed, PHANTOM_COUNTS, teacher),
      },
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

  #roles(swapped: boolean): Roles {
    const { student, teacher } = this.roles;
    return swapped ? { student: teacher, teacher: student } : this.roles;
  }

  /**
   * Who trains and who is tested: as the set is split, or in one of `folds` folds, drawn by patient whatever splits
   * there are. Without a test list, and in folds, the validation cases are tested on.
   */
  async cases(swapped: boolean, fold: number | null, folds: number | null): Promise<Cases> {
    const { student, teacher } = this.#roles(swapped);
    const { splits } = this.options;
    if (folds !== null) requirePatients(student, folds);
    const lists =
      fold === null || folds === null
        ? { student: (await student.splits(splits))?.lists, teacher: (await teacher.splits(splits))?.lists }
        : { student: listsOfFold(drawFold(student.cases, { fold: fold + 1, of: folds }, student.name)) };
    const split = splitUnpaired(student.cases, teacher.cases, { seed: 0, lists });
    const val = idsOf(split.student.val);
    const test = idsOf(split.student.test ?? []);
    return {
      studentTrain: idsOf(split.student.train),
      studentVal: val,
      teacherTrain: idsOf(split.teacher.train),
      test: test.length ? test : val,
    };
  }

  /** A configuration with the landmarks that its rules lack, learned once from the same images. */
  async learned(config: TrainConfig, swapped: boolean): Promise<TrainConfig> {
    const { studentIntensity, teacherIntensity } = config.data;
    const key = JSON.stringify([config.cases, studentIntensity, teacherIntensity, swapped]);
    const known = this.#learned.get(key) ?? withLandmarks(config, this.#roles(swapped), this.narrator);
    this.#learned.set(key, known);
    const { data } = await known;
    return {
      ...config,
      data: { ...config.data, studentIntensity: data.studentIntensity, teacherIntensity: data.teacherIntensity },
    };
  }

  /**
   * The slices of a configuration. The last are kept: rows mostly share them, and so the teacher's are read even where
   * a row's regime does not need them.
   */
  async sets(config: TrainConfig, swapped: boolean): Promise<RunSets> {
    const { data, cases, seed } = config;
    const key = JSON.stringify([data, cases, seed, swapped]);
    if (this.#kept?.key === key) return this.#kept.sets;
    this[DISPOSE]();
    const sets = await loadRunSets(config, this.#roles(swapped), this.narrator, this.options);
    this.#kept = { key, sets };
    return sets;
  }

  /** Lets go of the slices that are kept; those that `sets` gave can't be read then where they are on disk. */
  [DISPOSE](): void {
    this.#kept?.sets[DISPOSE]();
    this.#kept = undefined;
  }

  /** The cases that are tested on, one in memory at a time. */
  test(config: TrainConfig, swapped: boolean, ids: readonly string[]): AsyncIterable<TestCase> {
    return testCases(this.#roles(swapped).student, ids, config);
  }

  /** What pseudo images are held against: real ones, and those of the student's own patients where there are any. */
  realImages(swapped: boolean): { real: Source; paired: Source | undefined } {
    const { student, teacher } = this.paired;
    return { real: this.#roles(swapped).teacher, paired: swapped ? teacher : student };
  }
}

/** Throws CommandError where there are more folds than patients. */
function requirePatients({ cases }: Source, folds: number): void {
  const patients = new Set(cases.map((c) => c.patient)).size;
  if (patients < folds)
    throw new CommandError("usage", `--folds ${folds}: there are ${patients} patients; give at most that many folds`);
}

/** The folders that are named, made absolute. Throws CommandError where one is not there or none is named. */
export async function foldersOf(
  { data, student, teacher }: NamedFolders,
  below: readonly [string, string],
): Promise<[student: string, teacher: string]> {
  if (data !== undefined) {
    const inside = async (name: string): Promise<string> => {
      const path = resolve(join(data, name));
      if (await exists(path)) return path;
      const must = `--data ${data} must hold ${below.join("/ and ")}/`;
      throw new CommandError(
        "usage",
        `${path} does not exist: ${must}, or name the folders by --student and --teacher`,
      );
    };
    return [await inside(below[0]), await inside(below[1])];
  }
  if (student === undefined || teacher === undefined)
    throw new CommandError(
      "usage",
      "no data was named; give --student and --teacher, --data FOLDER, or --data phantom",
    );
  return [resolve(student), resolve(teacher)];
}
