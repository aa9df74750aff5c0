// Two folders of masks of the same cases, as two raters drew them, paired by their files' names.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import { isImageName } from "../../data/formats/index.ts";
import type { LoadedCase } from "../../data/slices.ts";
import { type Labels, loadCase } from "./load.ts";
import { isMaskName, withoutMaskWord } from "./names.ts";
import { nameOf } from "./pairing.ts";

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
  const pairs = [...others].flatMap(([id, expertPath]) => {
    const maskPath = own.get(id);
    return maskPath === undefined ? [] : [{ id, maskPath, expertPath }];
  });
  if (pairs.length === 0) {
    const [mine, theirs] = [own, others].map((found) => printable([...found.keys()][0]!));
    throw new DataError(
      masks,
      "names",
      `none of its ${own.size} masks (${mine}, …) is of a case of ${experts} (${theirs}, …)`,
      "give the masks of a case the same name in both folders",
    );
  }
  return { pairs, missing: [...others.keys()].filter((id) => !own.has(id)) };
}

/** The mask files of a folder by their cases. */
async function masksIn(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch(() => {
    throw new DataError(folder, "folder", "cannot be read", "name a folder of label masks");
  });
  const files = names.filter((name) => isImageName(name) && !name.startsWith(".")).sort();
  const masks = files.filter((file) => isMaskName(nameOf(file)));
  const found = new Map<string, string>();
  // Beside images, masks are those that are called so; alone they may have any name.
  for (const file of masks.length > 0 ? masks : files) {
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

/** Both masks of a case as class numbers, on the expert's grid. Throws DataError where the other lies elsewhere. */
export async function loadMaskPair(
  { id, maskPath, expertPath }: MaskPair,
  labels: Labels,
): Promise<{ image: LoadedCase["image"]; mask: Uint8Array; expert: Uint8Array }> {
  const load = (path: string): Promise<LoadedCase> =>
    loadCase({ id, patient: id, imagePath: expertPath, maskPath: path }, { labels });
  const { image, mask: expert } = await load(expertPath);
  return { image, expert, mask: (await load(maskPath)).mask };
}
