// Which series of a DICOM tree become which files, and which structures which labels.
import { basename } from "node:path";
import { printable } from "../../data/errors.ts";
import type { FoundSeries, FoundStructures } from "../../data/formats/dicom-survey.ts";
import type { CmedlError } from "../../errors/cmedl-error.ts";
import type { DicomImage, DicomTree } from "../dataset/dicom-tree.ts";
import { CommandError } from "../errors.ts";

/** A structure of a file, and the label that its voxels get. */
export interface PlannedStructure {
  readonly set: FoundStructures;
  readonly name: string;
  readonly label: number;
}

/** A series and what is written of it; paths are relative to the new folder. */
export interface PlannedCase {
  readonly series: FoundSeries;
  readonly image: string;
  /** Undefined where the image is written alone. */
  readonly mask: string | undefined;
  readonly structures: readonly PlannedStructure[];
}

export interface ImportPlan {
  /** The folder that holds all files. */
  readonly root: string;
  /** The patterns, in the order of the labels 1, 2, …; empty where images are written alone. */
  readonly labels: readonly string[];
  readonly cases: readonly PlannedCase[];
  /** Series that are passed over, each with the reason. */
  readonly passedOver: readonly { readonly series: FoundSeries; readonly reason: string }[];
  /** Of files and folders that can't be read, and of structure sets that are on no series. */
  readonly faults: readonly CmedlError[];
}

/** Names that a pattern with * and ? is for, whatever their capitals. */
export function matcherOf(pattern: string): (name: string) => boolean {
  const source = pattern
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("\\*", ".*")
    .replaceAll("\\?", ".");
  const whole = new RegExp(`^${source}$`, "iu");
  return (name) => whole.test(name.normalize("NFC"));
}

/** What of a tree is not used, and why. */
export const faultsOf = ({ faults, unmatched }: DicomTree): readonly CmedlError[] => [...faults, ...unmatched];

/** All names of structures in a tree, sorted, each once. */
export const structureNames = ({ images }: DicomTree): string[] =>
  [...new Set(images.flatMap(({ structures }) => structures.flatMap(({ names }) => names)))].sort();

/**
 * What is written of a tree. A pattern's structures in one series have one label. Throws CommandError where a pattern
 * is for no structure, or none is given where there are several.
 */
export function planImport(tree: DicomTree, patterns: readonly string[]): ImportPlan {
  const names = structureNames(tree);
  const labels = patterns.length > 0 ? patterns : onlyName(names);
  const matchers = labels.map(matcherOf);
  matchers.forEach((matches, i) => {
    if (names.some(matches)) return;
    const shown = names.length > 0 ? `there are ${shownNames(names)}` : "there are none";
    throw new CommandError("data", `--structure ${printable(labels[i]!)} is for no structure: ${shown}`);
  });
  const passedOver = tree.scouts.map((series) => ({ series, reason: "holds scouts (LOCALIZER) alone" }));
  const wanted = tree.images.flatMap((image) => {
    const found = structuresOf(image, matchers);
    if (typeof found !== "string") return [{ series: image.series, structures: found }];
    passedOver.push({ series: image.series, reason: found });
    return [];
  });
  return { root: tree.root, labels, cases: named(wanted), passedOver, faults: faultsOf(tree) };
}

function onlyName(names: readonly string[]): string[] {
  if (names.length <= 1) return [...names];
  throw new CommandError(
    "data",
    `there are ${names.length} structures (${shownNames(names)}): say which are labels 1, 2, … by --structure PATTERN`,
  );
}

function shownNames(names: readonly string[]): string {
  return printable(`${names.slice(0, 12).join(", ")}${names.length > 12 ? ", …" : ""}`);
}

/** The structures of a series that have a label, or why the series is passed over. */
function structuresOf(
  { structures }: DicomImage,
  matchers: readonly ((name: string) => boolean)[],
): PlannedStructure[] | string {
  if (matchers.length === 0) return [];
  const found: PlannedStructure[] = [];
  for (const [i, matches] of matchers.entries()) {
    const sets = structures.filter(({ names }) => names.some(matches));
    if (sets.length > 1)
      return `several files have that structure: ${sets.map((set) => basename(set.name)).join(", ")}`;
    for (const set of sets)
      for (const name of set.names.filter(matches)) {
        // A structure has the first label that it is for.
        if (!found.some((f) => f.set === set && f.name === name)) found.push({ set, name, label: i + 1 });
      }
  }
  return found.length > 0 ? found : "no structure of it was asked for";
}

/** Files for series: a folder a modality, in it a folder a patient, as `cmedl train` reads them. */
function named(
  wanted: readonly { readonly series: FoundSeries; readonly structures: readonly PlannedStructure[] }[],
): PlannedCase[] {
  const folderOf = foldersOf(wanted.map(({ series }) => series.patient.id));
  const inPlace = new Map<string, (typeof wanted)[number][]>();
  for (const one of wanted) {
    const place = `${modalityFolder(one.series.modality)}/${folderOf.get(one.series.patient.id)!}`;
    inPlace.set(place, [...(inPlace.get(place) ?? []), one]);
  }
  return [...inPlace].flatMap(([place, ones]) =>
    ones.map(({ series, structures }, i) => {
      const stem = ones.length === 1 ? "" : `${basename(place)}_${i + 1}_`;
      const mask = structures.length > 0 ? `${place}/${stem}mask.nii.gz` : undefined;
      return { series, structures, image: `${place}/${stem}image.nii.gz`, mask };
    }),
  );
}

const modalityFolder = (modality: string): string => modality.toLowerCase().replace(/[^a-z0-9]/g, "") || "images";

/** A folder's name for each patient; no two are equal, whatever their capitals. */
function foldersOf(patients: readonly string[]): Map<string, string> {
  const taken = new Set<string>();
  const folders = new Map<string, string>();
  for (const patient of new Set(patients)) {
    const safe =
      patient
        .normalize("NFC")
        .replace(/[^\p{L}\p{N}.-]+/gu, "_")
        .replace(/^[._]+|[._]+$/g, "") || "patient";
    let name = safe.slice(0, 100);
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${safe.slice(0, 100)}-${n}`;
    taken.add(name.toLowerCase());
    folders.set(patient, name);
  }
  return folders;
}
