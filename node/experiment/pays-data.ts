// What `experiment pays` trains and tests on: patients of the student's modality of which only the first few train,
// patients of the teacher's, and patients that are in no training set. Each seed has other phantoms.
import { keyOf, permutation } from "../../data/random.ts";
import { type SliceSet, defaultFieldMm } from "../../data/slices.ts";
import { type CaseName, type SplitLists, splitUnpaired } from "../../data/split.ts";
import { DISPOSE } from "../../engine/index.ts";
import type { PartialConfig, TrainConfig } from "../../train/config/config.ts";
import { CommandError } from "../errors.ts";
import type { SliceLoadOptions } from "../dataset/index.ts";
import type { Narrator } from "../narrator.ts";
import { idsOf } from "../../train/run/plan.ts";
import { withLandmarks } from "../run/landmarks.ts";
import { PHANTOM_FIELD_MM, type PhantomCounts } from "../../train/run/phantoms.ts";
import { slicingOf } from "../../train/run/sets.ts";
import { type RunSets, loadRunSets } from "../run/sets.ts";
import { type Source, phantomSource, scanSource } from "../run/source.ts";
import { type Cases, type FolderOptions, type NamedFolders, foldersOf } from "./data.ts";

interface Roles {
  readonly student: Source;
  readonly teacher: Source;
}

const CT_COUNTS: PhantomCounts = { train: 12, validate: 4, test: 48 };
const MR_COUNTS: PhantomCounts = { train: 24, validate: 0, test: 0 };

/** Parts of a folder's patients that validate and are tested on where there is no splits.json. */
const VALIDATED = 1 / 8;
const TESTED = 1 / 4;

/** The slices of a run, and all slices of the cases that it is tested on. */
export interface PaysSets extends RunSets {
  readonly test: SliceSet;
}

export class PaysData {
  #kept: { key: string; sets: PaysSets } | undefined;
  private constructor(
    /** In words, for the user. */
    readonly says: string,
    /** What experiment.json calls it. */
    readonly name: string,
    /** What a configuration has from it, but for the cases. */
    readonly fields: PartialConfig,
    readonly rolesOf: (seed: number) => Roles,
    readonly split: (roles: Roles) => Promise<Cases>,
    readonly narrator: Narrator,
    readonly options: FolderOptions = {},
  ) {}

  /** CT and MR phantoms of `size` × `size` pixels, of other patients for each seed. */
  static phantoms(size: number, narrator: Narrator): PaysData {
    const rolesOf = (seed: number): Roles => ({
      student: phantomSource("CT", size, seed, CT_COUNTS),
      teacher: phantomSource("MR", size, seed, MR_COUNTS),
    });
    const { student, teacher } = rolesOf(0);
    const { train, validate, test } = CT_COUNTS;
    return new PaysData(
      `phantoms, other patients for each seed: of ${train} CT the first train, ${MR_COUNTS.train} MR train, ` +
        `${validate} other CT choose the best epoch, ${test} other CT are tested on`,
      "phantom",
      {
        data: {
          fieldMm: PHANTOM_FIELD_MM,
          ...(student.intensity && { studentIntensity: student.intensity }),
          ...(teacher.intensity && { teacherIntensity: teacher.intensity }),
        },
      },
      rolesOf,
      async (roles) => splitBy({ student: await listsOf(roles.student), teacher: await listsOf(roles.teacher) }, roles),
      narrator,
    );
  }

  /**
   * The folders --student and --teacher, or ct/ and mr/ in --data, split the same way for each seed: as splits.json
   * says, else by patients drawn once. Where it names no test cases those that validate are tested on. Throws DataError
   * where they hold no cases, CommandError where none is named.
   */
  static async folders(named: NamedFolders, narrator: Narrator, options: FolderOptions = {}): Promise<PaysData> {
    const [studentPath, teacherPath] = await foldersOf(named, ["ct", "mr"]);
    const roles: Roles = { student: await scanSource(studentPath), teacher: await scanSource(teacherPath) };
    const { student, teacher } = roles;
    const { splits } = options;
    const given = await listsOf(student, splits);
    const lists = given
      ? { student: given, teacher: await listsOf(teacher, splits) }
      : { student: drawnLists(student.cases, student.name) };
    const sides = [...(await student.shortSidesMm()), ...(await teacher.shortSidesMm())];
    const how = !given
      ? "split by patients drawn once"
      : given.test
        ? "split by splits.json"
        : "split by splits.json, which names no test cases: those that validate are tested on, and chose the best epoch";
    return new PaysData(
      `${studentPath} (${student.cases.length} cases) and ${teacherPath} (${teacher.cases.length} cases), ${how}`,
      `${studentPath}, ${teacherPath}`,
      { data: { student: student.folder, teacher: teacher.folder, fieldMm: Math.round(defaultFieldMm(sides)) } },
      () => roles,
      async () => splitBy(lists, roles),
      narrator,
      options,
    );
  }

  /**
   * Who trains and who is tested on: the first `patients` of the student's training patients, of phantoms as they are
   * numbered, of folders in an order that the seed draws. Throws CommandError where there are fewer.
   */
  async cases(seed: number, patients: number): Promise<Cases> {
    const roles = this.rolesOf(seed);
    const cases = await this.split(roles);
    const patientOf = new Map(roles.student.cases.map((c) => [c.id, c.patient]));
    const all = [...new Set(cases.studentTrain.map((id) => patientOf.get(id)!))];
    if (patients > all.length)
      throw new CommandError(
        "usage",
        `--student-cases ${patients}: ${all.length} patients can train; give at most that many`,
      );
    const isPhantom = roles.student.folder === "";
    const order = isPhantom ? all : Array.from(permutation(all.length, keyOf(seed, "patients")), (i) => all[i]!);
    const chosen = new Set(order.slice(0, patients));
    return { ...cases, studentTrain: cases.studentTrain.filter((id) => chosen.has(patientOf.get(id)!)) };
  }

  /** A configuration with the landmarks that its rules lack. */
  learned(config: TrainConfig, seed: number): Promise<TrainConfig> {
    return withLandmarks(config, this.rolesOf(seed), this.narrator);
  }

  /** The slices of a run, and those of `test`; the last are kept, for the rows of a seed share them. */
  async sets(config: TrainConfig, test: readonly string[]): Promise<PaysSets> {
    const { data, cases, seed } = config;
    const key = JSON.stringify([data, cases, seed, test]);
    if (this.#kept?.key === key) return this.#kept.sets;
    this[DISPOSE]();
    const roles = this.rolesOf(seed);
    const sets = await loadRunSets(config, roles, this.narrator, this.options);
    const { student } = roles;
    const { cache } = this.options;
    const options: SliceLoadOptions = {
      ...slicingOf(config),
      rule: data.studentIntensity,
      labels: data.labels,
      negatives: "all",
      onWarning: (message) => this.narrator.say(message),
    };
    const tested =
      cache && student.cacheSlices
        ? (await student.cacheSlices(test, cache, options)).inMemory()
        : await student.loadSlices(test, options);
    this.#kept = { key, sets: { ...sets, test: tested } };
    return this.#kept.sets;
  }

  /** Lets go of the slices that are kept; those that `sets` gave can't be read then where they are on disk. */
  [DISPOSE](): void {
    this.#kept?.sets[DISPOSE]();
    this.#kept = undefined;
  }
}

const listsOf = async (source: Source, file?: string): Promise<SplitLists | undefined> =>
  (await source.splits(file))?.lists;

interface Lists {
  readonly student: SplitLists | undefined;
  readonly teacher?: SplitLists | undefined;
}

function splitBy({ student: studentLists, teacher: teacherLists }: Lists, { student, teacher }: Roles): Cases {
  const lists = { student: studentLists, teacher: teacherLists };
  const split = splitUnpaired(student.cases, teacher.cases, { seed: 0, lists });
  return {
    studentTrain: idsOf(split.student.train),
    studentVal: idsOf(split.student.val),
    teacherTrain: idsOf(split.teacher.train),
    test: idsOf(split.student.test ?? split.student.val),
  };
}

/** A fixed split by patient. Throws CommandError with fewer than three. */
function drawnLists(cases: readonly CaseName[], name: string): SplitLists {
  const patients = [...new Set(cases.map((c) => c.patient))].sort();
  if (patients.length < 3)
    throw new CommandError(
      "data",
      `${name}: ${patients.length} patients cannot train, validate and be tested on; add others`,
    );
  const order = Array.from(permutation(patients.length, keyOf(0, "pays")), (i) => patients[i]!);
  const tested = Math.max(1, Math.round(TESTED * order.length));
  const validated = Math.max(1, Math.round(VALIDATED * order.length));
  return {
    test: order.slice(0, tested),
    val: order.slice(tested, tested + validated),
    train: { train: order.slice(tested + validated) },
  };
}
