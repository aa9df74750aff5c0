// Real files for tests: a folder outside the repository, named by CMEDL_SHARED. Tests that need it are skipped, and
// counted, where it is absent.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Test } from "uvu";

const root = resolve(process.env.CMEDL_SHARED ?? "../shared");

export const sharedPath = (path: string): string => join(root, path);
export const readShared = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(sharedPath(path)));

/** test(name, run) where all of `paths` are there, else test.skip. */
export function testWith(test: Test, paths: readonly string[], name: string, run: () => Promise<void> | void): void {
  const absent = paths.find((p) => !existsSync(sharedPath(p)));
  if (absent === undefined) test(name, run);
  else test.skip(`${name} (${absent} is absent)`, run);
}
