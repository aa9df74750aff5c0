// Folders of masks of the same cases, as several raters drew them, paired by their files' names.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import { isImageName } from "../../data/formats/index.ts";
import { toLps } from "../../data/orientation.ts";
import type { Volume } from "../../data/volume.ts";
import type { Labels } from "../../data/collect-slices.ts";
import { classesOf, readMask, readVolume } from "./load.ts";
import { isMaskName, withoutImageWord, withoutMaskWord } from "../../data/layouts/names.ts";

import { nameOf } from "../../data/layouts/pairing.ts";

/** The files of one case. */
export interface MaskPair {
  readonly id: string;
  readonly maskPath: string;
  readonly expertPath: string;
}

/**
 * Pairs the masks of a folder with the experts' of another. Experts' masks without one of the folder's are missing:
 * `missing` names them. Throws DataError where a folder holds no mask, or two of a case.
 */
export async function pairMasks(
  masks: string,
  experts: string,
): Promise<{ pairs: readonly MaskPair[]; missing: readonly string[] }> {
  const [own, others] = [await masksIn(masks), await masksIn(experts)];
  requireCommonCase(masks, own, experts, others);
  const pairs = [...others].flatMap(([id, expertPath]) => {
    const maskPath = own.get(id);
    return maskPath === undefined ? [] : [{ id, maskPath, expertPath }];
  });
  return { pairs, missing: [...others.keys()].filter((id) => !own.has(id)) };
}

/** The mask files of a folder by the ids of their cases. */
export type MaskFiles = ReadonlyMap<string, string>;

/** Throws DataError, which names the first folder, where no case has masks in both. */
export function requireCommonCase(masks: string, own: MaskFiles, experts: string, others: MaskFiles): void {
  if ([...own.keys()].some((id) => others.has(id))) return;
  const [mine, theirs] = [own, others].map((found) => printable([...found.keys()][0]!));
  throw new DataError(
    masks,
    "names",
    `none of its ${own.size} masks (${mine}, …) is of a case of ${experts} (${theirs}, …)`,
    "give the masks of a case the same name in both folders",
  );
}

/** The mask files of a folder. Throws DataError where it holds none, or two of a case. */
export async function masksIn(folder: string): Promise<MaskFiles> {
  const names = await readdir(folder).catch(() => {
    throw new DataError(folder, "folder", "cannot be read", "name a folder of label masks");
  });
  const files = masksAmong(names.filter((name) => isImageName(name) && !name.startsWith(".")).sort());
  const found = new Map<string, string>();
  for (const file of files) {
    const id = withoutMaskWord(nameOf(file));
    const other = found.get(id);
    if (other !== undefined)
      throw new DataError(
        join(folder, file),
        "names",
        `is of case ${printable(id)}, as ${other} is`,
        "keep one of them",
      );
    found.set(id, join(folder, file));
  }
  if (found.size === 0) throw new DataError(folder, "folder", "holds no mask", "name a folder of label masks");
  return found;
}

/**
 * The files that are masks: all where none has a word for a mask, else those that have one, and those without any word
 * whose case has none of these. Where such a mask is of a file without a word, this is its image, as all without are.
 */
function masksAmong(files: readonly string[]): readonly string[] {
  const masks = files.filter((file) => isMaskName(nameOf(file)));
  if (masks.length === 0) return files;
  const masked = new Set(masks.map((file) => withoutMaskWord(nameOf(file))));
  const plain = files.filter((file) => !masks.includes(file) && withoutImageWord(nameOf(file)) === nameOf(file));
  return plain.some((file) => masked.has(nameOf(file))) ? masks : [...masks, ...plain].sort();
}

/**
 * Masks of one case as class numbers, in the order of their files and on the grid of the first; each file is read once.
 * `onWarning` hears of what is odd in whole sentences, such as a label that a mask lacks. Throws DataError, which names
 * the file, where a mask lies elsewhere or is no label mask.
 */
export async function loadMasks(
  [first, ...others]: readonly [string, ...string[]],
  labels: Labels,
  onWarning: (message: string) => void = () => {},
): Promise<{ grid: Volume; masks: readonly Uint8Array[] }> {
  const stored = await readVolume(first);
  const grid = toLps(stored);
  stored.warnings.forEach(onWarning);
  const masks = [classesOf(grid.data, labels, first, onWarning)];
  for (const path of others) {
    const { data, warnings } = await readMask(first, path, stored);
    warnings.forEach(onWarning);
    masks.push(classesOf(toLps({ ...stored, data }).data, labels, path, onWarning));
  }
  return { grid, masks };
}

/** Both masks of a case as class numbers, on the expert's grid. Throws DataError as loadMasks. */
export async function loadMaskPair(
  { maskPath, expertPath }: MaskPair,
  labels: Labels,
  onWarning?: (message: string) => void,
): Promise<{ image: Volume; mask: Uint8Array; expert: Uint8Array }> {
  const { grid, masks } = await loadMasks([expertPath, maskPath], labels, onWarning);
  return { image: grid, expert: masks[0]!, mask: masks[1]! };
}
