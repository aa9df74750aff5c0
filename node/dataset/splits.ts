// The file of splits that goes with a set.
import { dirname, join, resolve } from "node:path";
import { DataError } from "../../data/errors.ts";
import { type CaseName, type SplitLists, parseSplits } from "../../data/split.ts";
import { exists, readBytes } from "../files.ts";

export interface FoundSplits {
  readonly path: string;
  readonly lists: SplitLists;
}

const names = ["splits.json", "splits_final.json"];

/**
 * The splits that go with a set: `path` if given, else splits.json or splits_final.json in the folder, else beside it
 * where they name cases of the set; `fold`, from 0, is which of several. Undefined where there are none. Throws
 * DataError where the file is no splits file.
 */
export async function findSplits(
  { folder, cases }: { readonly folder: string; readonly cases: readonly CaseName[] },
  { path, fold }: { path?: string | undefined; fold?: number | undefined } = {},
): Promise<FoundSplits | undefined> {
  if (path) return readSplits(path, fold);
  for (const name of names) if (await exists(join(folder, name))) return readSplits(join(folder, name), fold);
  const known = new Set(cases.flatMap((c) => [c.id, c.patient]));
  for (const name of names) {
    const beside = join(dirname(resolve(folder)), name);
    if (!(await exists(beside))) continue;
    const text = await textOf(beside);
    try {
      const lists = parseSplits(text, beside, fold);
      if (namesAny(lists, known)) return { path: beside, lists };
    } catch (error) {
      // A file of that name may be none of ours; one that names a case is.
      const isOurs = [...known].some((id) => text.normalize("NFC").includes(JSON.stringify(id)));
      if (isOurs || !(error instanceof DataError)) throw error;
    }
  }
  return undefined;
}

async function readSplits(path: string, fold: number | undefined): Promise<FoundSplits> {
  return { path, lists: parseSplits(await textOf(path), path, fold) };
}

const textOf = async (path: string): Promise<string> => new TextDecoder().decode(await readBytes(path));

const namesAny = ({ train, val }: SplitLists, known: ReadonlySet<string>): boolean =>
  [...Object.values(train), val].some((ids) => ids.some((id) => known.has(id)));
