// A folder of cases, or a student's and a teacher's, looked at before anything trains on them.
import { DataError } from "../../data/errors.ts";
import type { IntensityRule } from "../../data/intensity.ts";
import { passedOverText } from "../../data/layouts/passed-over.ts";
import { type SetStatistics, setStatistics } from "../../data/value-statistics.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { Regime } from "../../train/regime.ts";
import { type Case, type CaseImage, type Dataset, findSplits, scanDataset, scanImages } from "../dataset/index.ts";
import type { Narrator } from "../narrator.ts";
import { refuseOtherNames } from "../../train/run/label-names.ts";
import { splitOf } from "../run/plan.ts";
import { type CaseFingerprint, checkCase } from "./case.ts";
import { type Finding, note, problem } from "./finding.ts";
import { type CheckedSet, type Place, type PlaceOf, checkSet, copies } from "./sets.ts";

/** A case as a check saw it. */
export type CaseReport = CaseFingerprint & {
  /** Which list of the splits it stands in. */
  readonly split: Place;
};

export interface SetReport {
  readonly role: "student" | "teacher";
  readonly folder: string;
  /** How its files are laid out, in words. */
  readonly layout: string;
  readonly rule: IntensityRule;
  /** What its images' values are like together; absent where none could be measured. */
  readonly values?: SetStatistics;
  readonly cases: readonly CaseReport[];
  /** Cases that could not be read, by id. */
  readonly unread: readonly string[];
}

/** What fingerprint.json holds. */
export interface DataCheck {
  readonly version: 1;
  /** What split the cases, in words; null where there is no student or it can't be split. */
  readonly splitBy: string | null;
  readonly sets: readonly SetReport[];
  readonly findings: readonly Finding[];
}

interface Scanned {
  readonly role: "student" | "teacher";
  readonly rule: IntensityRule;
  readonly set: Dataset<CaseImage | Case>;
}

/**
 * Looks at the folders that `config.data` names, one of which may be "". What is wrong with a file is a finding; all
 * files are looked at. Throws FileError where the machine, not the data, is at fault.
 */
export async function checkData(config: TrainConfig, inputs: Regime["inputs"], narrator: Narrator): Promise<DataCheck> {
  const { data } = config;
  const findings: Finding[] = [];
  const scanned: Scanned[] = [];
  const scan = async (role: Scanned["role"], folder: string, rule: IntensityRule, masks: boolean): Promise<void> => {
    if (folder === "") return;
    const set = await found(() => (masks ? scanDataset(folder) : scanImages(folder)), findings);
    if (set && set.passedOver.length > 0)
      findings.push(note(folder, "names", passedOverText(set.passedOver), "see that no patient is left out"));
    if (set) scanned.push({ role, rule: beforeLearning(rule), set });
  };
  await scan("student", data.student, data.studentIntensity, true);
  await scan("teacher", data.teacher, data.teacherIntensity, inputs.includes("yM"));

  const sets: (CheckedSet & Pick<SetReport, "layout" | "rule" | "unread">)[] = [];
  const bar = narrator.bar(
    "looking",
    scanned.reduce((n, { set }) => n + set.cases.length, 0),
  );
  for (const { role, rule, set } of scanned) {
    const cases: CaseFingerprint[] = [];
    const unread: string[] = [];
    for (const c of set.cases) {
      const checked = await checkCase(c, rule, data.labels);
      findings.push(...checked.findings);
      if (checked.fingerprint) cases.push(checked.fingerprint);
      else unread.push(c.id);
      bar.advance(c.id);
    }
    const { layout, folder } = set;
    sets.push({
      role,
      folder,
      layout: layout.description,
      rule,
      cases,
      unread,
      names: namesOf(data, set.layout.labels),
    });
  }
  bar.done();
  narrator.end();

  const { placeOf, splitBy } = await placesIn(config, scanned, findings);
  for (const set of sets) findings.push(...checkSet(set, data));
  findings.push(...copies(sets, placeOf));
  const [one, other] = scanned.map(({ set }) => ({ name: set.folder, labels: set.layout.labels }));
  if (one && other) await found(async () => refuseOtherNames(data.labels, one, other), findings);
  return {
    version: 1,
    splitBy,
    sets: sets.map(({ names: _, ...set }) => {
      const values = set.cases.flatMap((c) => c.values ?? []);
      return {
        ...set,
        cases: set.cases.map((c) => ({ ...c, split: placeOf(set, c) })),
        ...(values.length > 0 && { values: setStatistics(values, set.rule) }),
      };
    }),
    findings,
  };
}

/** Names of structures by their labels: those of the configuration, where it tells none those of the set's files. */
const namesOf = ({ labels, names }: TrainConfig["data"], told: ReadonlyMap<number, string> = new Map()) =>
  new Map([...told, ...(labels && names ? labels.map((label, i) => [label, names[i]!] as const) : [])]);

/** How images are looked at: where the landmarks of a rule are not learned yet, by the percentile that ends them. */
const beforeLearning = (rule: IntensityRule): IntensityRule =>
  rule.kind === "histogram" && rule.landmarks === null ? { kind: "percentile", percentile: 99 } : rule;

/** What `f` gives; a DataError that it throws is a finding, and so are those that it holds. */
async function found<T>(f: () => Promise<T>, findings: Finding[]): Promise<T | undefined> {
  try {
    return await f();
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    for (const fault of [error, ...(error.others ?? [])]) if (fault instanceof DataError) findings.push(problem(fault));
    return undefined;
  }
}

/** Where the cases stand in the splits that training would take; what is wrong with them is a finding. */
async function placesIn(
  config: TrainConfig,
  scanned: readonly Scanned[],
  findings: Finding[],
): Promise<{ placeOf: PlaceOf; splitBy: string | null }> {
  const splittable = (role: Scanned["role"]) => {
    const set = scanned.find((s) => s.role === role)?.set;
    return (
      set && {
        name: set.folder,
        cases: set.cases,
        splits: (path?: string, fold?: number) => findSplits(set, { path, fold }),
      }
    );
  };
  const student = splittable("student");
  const done = student && (await found(() => splitOf(config, student, splittable("teacher")), findings));
  if (!done) return { placeOf: () => null, splitBy: null };
  const { split, splitBy } = done;
  const placeOf: PlaceOf = ({ role }, { id }) => {
    const lists = split[role];
    const place = (["train", "val", "test"] as const).find((name) => lists[name]?.some((c) => c.id === id));
    return place ?? null;
  };
  return { placeOf, splitBy };
}
