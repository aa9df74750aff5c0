// One way to read a folder's names, and which of several ways is taken.
import { basename } from "./paths.ts";
import { DataError, printable } from "../errors.ts";
import { formatSuffixes } from "../formats/index.ts";
import type { Case, Layout } from "./case.ts";
import { CONVENTIONS } from "./names.ts";
import { type Files, type Pair, type Pairing, pairNames } from "./pairing.ts";

/** One way to read a folder. */
export interface Reading extends Pairing {
  readonly layout: Layout;
  /** Of which patient each pair is, and its structures, where names tell. */
  readonly cases: readonly Case[];
}

/** A reading whose patients are its cases. */
export const readingOf = (layout: Layout, pairing: Pairing): Reading => ({
  layout,
  ...pairing,
  cases: pairing.pairs.map((pair) => ({ ...pair, patient: pair.id })),
});

/**
 * Readings of images and masks side by side: of the first group of conventions that pairs any, else all faulty ones.
 */
export function flatReadings(files: Files): Reading[] {
  const faulty: Reading[] = [];
  for (const group of CONVENTIONS) {
    const readings = group.flatMap(({ kind, description, imageId, maskId }) => {
      const { images, ...pairing } = pairNames(files, imageId, files, maskId);
      return images > 0 ? [readingOf({ kind, description }, pairing)] : [];
    });
    if (readings.some(({ pairs }) => pairs.length > 0)) return readings;
    // Any name is an image's without a word: that finds fault with every file.
    faulty.push(...readings.filter(({ layout }) => layout.kind !== "bare"));
  }
  return faulty;
}

/** "labels 1 liver, 2 tumour", for the user. */
export function labelNames(labels: ReadonlyMap<number, string>): string {
  const shown = [...labels].slice(0, 12).map(([n, name]) => `${n} ${printable(name, 30)}`);
  return `labels ${shown.join(", ")}${labels.size > shown.length ? ", …" : ""}`;
}

/** The error where two ways pair all files. */
export function twoReadings(folder: string, a: Reading, b: Reading): DataError {
  const shown = ({ layout, pairs }: Reading): string => {
    const [{ imagePath, maskPath }] = pairs as [Pair];
    const example = `${basename(imagePath)} with ${basename(maskPath)}`;
    return `${layout.description} (${pairs.length} cases, ${printable(example)})`;
  };
  const problem = `can be read in two ways: ${shown(a)}, or ${shown(b)}`;
  return new DataError(folder, "names", problem, "move the files of one of them to another folder");
}

export const noImages = (folder: string, kind: "file" | "image", mend: string): DataError =>
  new DataError(folder, "folder", `holds no ${formatSuffixes} ${kind}`, mend);

export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
