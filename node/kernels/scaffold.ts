// Writes a new family of kernels into a clone.
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CommandError } from "../errors.ts";
import { refuseOverwrite, writeAtomic } from "../files.ts";
import { familyFiles, listingsOf } from "./family.ts";

/**
 * Writes the family into the clone at `root` and adds it to the lists of kernels and of the bench; the paths that were
 * written. Throws CommandError where the name is none or taken: then nothing is written.
 */
export async function writeFamily(root: string, name: string): Promise<string[]> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new CommandError("usage", `"${name}" is no name of a kernel: lower-case words joined by "-", as in box-blur`);
  const files = familyFiles(name);
  for (const path of Object.keys(files)) await refuseOverwrite(join(root, path));
  const grown: (readonly [path: string, text: string])[] = [];
  for (const listing of listingsOf(name)) {
    const text = await readFile(join(root, listing.path), "utf8");
    if (listing.isTaken(text))
      throw new CommandError("usage", `${listing.path} has ${name} already; choose another name`);
    grown.push([listing.path, listing.grown(text)]);
  }
  const texts = [...Object.entries(files), ...grown];
  for (const [path, text] of texts) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeAtomic(join(root, path), text);
  }
  return texts.map(([path]) => path);
}
