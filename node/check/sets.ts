// What shows only among cases: copies, labels that none has, sides, spacing that differs.
import { DataError } from "../../data/errors.ts";
import { sidedNames, sidedPlaces } from "../../data/sides.ts";
import type { CaseFingerprint } from "./case.ts";
import { type Finding, note, problem } from "./finding.ts";

/** A set's cases that could be read. */
export interface CheckedSet {
  readonly role: "student" | "teacher";
  readonly folder: string;
  readonly cases: readonly CaseFingerprint[];
  /** Names of structures by their labels, where files or the configuration tell them. */
  readonly names: ReadonlyMap<number, string>;
}

/** A voxel size that differs within a set by more than this factor is noted. */
const SPREAD = 2;

/** What is found in one set as a whole; `wanted` and `sides` are those of the configuration. */
export function checkSet(
  set: CheckedSet,
  { labels: wanted, sides }: { labels: readonly number[] | null; sides: readonly (readonly number[])[] | null },
): Finding[] {
  return [...labelFindings(set, wanted), ...sideFindings(set, wanted, sides), ...spacingFindings(set)];
}

function labelFindings({ folder, cases, names }: CheckedSet, wanted: readonly number[] | null): Finding[] {
  const masked = cases.filter((c) => c.labels !== undefined);
  if (masked.length === 0) return [];
  const found = [...new Set(masked.flatMap((c) => c.labels!.map(({ label }) => label)))].sort((a, b) => a - b);
  if (found.length === 0)
    return [problem(new DataError(folder, "labels", `all ${masked.length} masks are empty`, "check the masks"))];
  if (wanted === null) {
    if (found.length === 1) return [];
    const what = `the masks hold ${found.length} labels: ${shownLabels(found)}`;
    return [note(folder, "labels", what, "choose one with --label N, or several as classes with --labels N,N")];
  }
  const lackingOf = (label: number): CaseFingerprint[] =>
    masked.filter((c) => !c.labels!.some((l) => l.label === label));
  const absent = wanted.filter((label) => lackingOf(label).length === masked.length);
  const findings: Finding[] = [];
  if (absent.length > 0) {
    const what = `no mask holds ${shownLabels(absent, names)}, only ${shownLabels(found)}`;
    const [first] = absent.flatMap((label) => names.get(label) ?? []);
    const named = first === undefined ? "" : `, with their names as "${first}=${found[0]!}"`;
    findings.push(problem(new DataError(folder, "labels", what, `choose others with --labels${named}`)));
  }
  for (const label of wanted) {
    const lacking = lackingOf(label);
    if (lacking.length === 0 || absent.includes(label)) continue;
    const what = `${lacking.length} of ${masked.length} masks hold no ${nameOf(label, names)}: ${shownIds(lacking)}`;
    findings.push(note(folder, "labels", what, "check that it is absent there, and was not left out"));
  }
  return findings;
}

function sideFindings(
  { folder, cases, names }: CheckedSet,
  wanted: readonly number[] | null,
  sides: readonly (readonly number[])[] | null,
): Finding[] {
  if (sides !== null) return []; // The configuration says which they are.
  const isWanted = (label: number): boolean => wanted === null || wanted.includes(label);
  const named = sidedNames(new Map([...names].filter(([label]) => isWanted(label))));
  const placed = sidedPlaces(cases.map(({ labels = [] }) => labels.filter(({ label }) => isWanted(label))));
  const pairs = names.size > 0 ? named.pairs : placed;
  const findings: Finding[] = [];
  if (pairs.length > 0) {
    const shown = pairs.map((pair) => pair.map((label) => nameOf(label, names)).join(" and ")).join(", ");
    const what =
      names.size > 0
        ? `${shown} are left and right of one another`
        : `${shown} lie left and right of one another and are of like size in every case`;
    const value = JSON.stringify(pairs);
    findings.push(note(folder, "labels", what, `where a flip should swap them, train with --set data.sides=${value}`));
  }
  if (named.single.length > 0) {
    const what = `${named.single.map((label) => nameOf(label, names)).join(", ")} is of one side, and the other side has no label`;
    findings.push(note(folder, "labels", what, "a flip would show it on the wrong side: --set augmentation.flip=0"));
  }
  return findings;
}

function spacingFindings({ folder, cases }: CheckedSet): Finding[] {
  const spread = (name: string, of: (c: CaseFingerprint) => number): Finding[] => {
    const sorted = [...cases].sort((a, b) => of(a) - of(b));
    const [least, greatest] = [sorted[0], sorted.at(-1)];
    if (!least || !greatest || of(greatest) <= SPREAD * of(least)) return [];
    const what =
      `${name} from ${mm(of(least))} (${least.id}) to ${mm(of(greatest))} mm (${greatest.id}), ` +
      `half below ${mm(of(sorted[sorted.length >> 1]!))}`;
    return [note(folder, "spacing", what, "see that the extremes are of the same protocol, or resample them")];
  };
  return [
    ...spread("pixels are", ({ spacingMm: [x, y] }) => Math.max(x, y)),
    ...spread("slices are apart", ({ spacingMm: [, , z] }) => z),
  ];
}

/** The list of the splits that a case stands in; null where it takes no part. */
export type Place = "train" | "val" | "test" | null;
export type PlaceOf = (set: Pick<CheckedSet, "role">, c: CaseFingerprint) => Place;

/** Images that are equal voxel by voxel: of two patients, of two modalities, or one patient's twice. */
export function copies(sets: readonly CheckedSet[], placeOf: PlaceOf): Finding[] {
  const byDigest = new Map<string, { set: CheckedSet; c: CaseFingerprint }[]>();
  for (const set of sets)
    for (const c of set.cases) byDigest.set(c.sha256, [...(byDigest.get(c.sha256) ?? []), { set, c }]);
  return [...byDigest.values()]
    .filter((same) => same.length > 1)
    .map((same) => {
      const [first, ...others] = same as [(typeof same)[0], ...typeof same];
      const shown = others.map(({ set, c }) => `${c.id} (${placed(set, c)})`).join(", ");
      const what = `${first.c.id} (${placed(first.set, first.c)}) has the very voxels of ${shown}`;
      if (new Set(same.map(({ set }) => set.role)).size > 1)
        return copied(first.c, what, "give each folder the images of its own modality");
      if (new Set(same.map(({ c }) => c.patient)).size > 1)
        return copied(first.c, what, "keep one of them: a copy that trains makes its validation worthless");
      return note(first.c.image, "voxels", what, "keep one of them, unless it should count twice");
    });
  function placed(set: CheckedSet, c: CaseFingerprint): string {
    const place = placeOf(set, c);
    return [set.role, ...(place === null ? [] : [place])].join(", ");
  }
}

const copied = (c: CaseFingerprint, what: string, mend: string): Finding =>
  problem(new DataError(c.image, "voxels", what, mend));

const mm = (v: number): string => v.toFixed(2);
const nameOf = (label: number, names: CheckedSet["names"]): string =>
  names.has(label) ? `${label} ${names.get(label)}` : String(label);
const shownLabels = (labels: readonly number[], names: CheckedSet["names"] = new Map()): string =>
  labels
    .slice(0, 12)
    .map((label) => nameOf(label, names))
    .join(", ") + (labels.length > 12 ? ", …" : "");
const shownIds = (cases: readonly CaseFingerprint[]): string =>
  cases
    .slice(0, 5)
    .map(({ id }) => id)
    .join(", ") + (cases.length > 5 ? ", …" : "");
