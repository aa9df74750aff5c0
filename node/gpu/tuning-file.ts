// Where the kernels and tile sizes that `cmedl tune` found are kept between commands: one JSON in the user's cache.
import { homedir } from "node:os";
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import type { Tuned } from "../../engine/index.ts";
import { version } from "../../package.json";
import { writeAtomic } from "../files.ts";

/** Kernels change between versions, and with them what is fastest: what another version found does not count. */
interface Kept {
  readonly version: string;
  readonly tuned: Tuned;
}

export const tuningFile = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "cmedl", "tuned.json");

const isKept = (v: unknown): v is Kept => {
  const { version: of, tuned } = (v ?? {}) as Partial<Kept>;
  return (
    typeof of === "string" &&
    typeof tuned === "object" &&
    tuned !== null &&
    Object.values(tuned).every(
      (c) =>
        typeof c === "string" ||
        (typeof c === "object" && c !== null && Object.values(c).every((n) => typeof n === "number")),
    )
  );
};

/** What was found so far, by this version; and why nothing can be read, in words, where a file is there that can't. */
export async function readTuning(): Promise<{ tuned: Tuned; problem?: string }> {
  const file = tuningFile();
  let kept: unknown;
  try {
    kept = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { tuned: {} };
    return {
      tuned: {},
      problem: `${file}: can't be read, kernels run as they ship; remove it, or run \`cmedl tune\` anew`,
    };
  }
  if (!isKept(kept))
    return {
      tuned: {},
      problem: `${file}: holds no tile sizes, kernels run as they ship; remove it, or run \`cmedl tune\` anew`,
    };
  return { tuned: kept.version === version ? kept.tuned : {} };
}

/**
 * Adds sizes to those that are kept, whole or not at all: another command may have added some meanwhile. How many are
 * kept now. Throws FileError.
 */
export async function keepTuning(found: Tuned): Promise<number> {
  const file = tuningFile();
  const tuned = { ...(await readTuning()).tuned, ...found };
  await writeAtomic(file, `${JSON.stringify({ version, tuned } satisfies Kept, null, 1)}\n`);
  return Object.keys(tuned).length;
}
