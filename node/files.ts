// Files as the commands need them: read with clear errors, written whole or not at all, never outside their folder,
// never over old ones.
import { randomBytes } from "node:crypto";
import {
  access,
  constants as modes,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { printable } from "../data/errors.ts";
import { CmedlError } from "../errors/cmedl-error.ts";
import { existence, noteRead } from "./reads.ts";

/** A file that could not be read or written, with the mend. */
export class FileError extends CmedlError {
  override readonly name = "FileError";
  constructor(
    readonly file: string,
    problem: string,
    readonly mend: string,
    options?: ErrorOptions,
  ) {
    super("file", `${printable(file)}: ${problem}; ${mend}`, options);
  }
}

const reasons: Readonly<Record<string, readonly [problem: string, mend: string]>> = {
  ENOENT: ["does not exist", "check the path"],
  ENOTDIR: ["does not exist", "check the path: a part of it is no folder"],
  EACCES: ["may not be opened", "change its permissions"],
  EPERM: ["may not be changed", "change its permissions"],
  EISDIR: ["is a folder", "name a file"],
  EROFS: ["is on a read-only file system", "choose another folder"],
  ENOSPC: ["no space is left on the disk", "free some space"],
  EDQUOT: ["the disk quota is used up", "free some space"],
  EMFILE: ["too many files are open", "raise the limit (ulimit -n)"],
  ERR_FS_FILE_TOO_LARGE: ["is larger than 2 GiB", "crop or split it"],
};

/** The code of an error of the system's, such as "ENOSPC"; "" for any other. Node has no name for a quota's. */
export function systemCode(cause: unknown): string {
  const { errno, code = "" } = (cause ?? {}) as NodeJS.ErrnoException;
  return errno === -constants.errno.EDQUOT ? "EDQUOT" : code;
}

/** The error as a FileError in plain words. */
export function fileError(path: string, cause: unknown): FileError {
  if (cause instanceof FileError) return cause;
  const code = systemCode(cause);
  const [problem, mend] = reasons[code] ?? [
    cause instanceof Error ? cause.message : String(cause),
    "check the file and the disk",
  ];
  return new FileError(path, problem, mend, { cause });
}

/** The bytes of a regular file; with `count`, its first bytes only. Throws FileError. */
export async function readBytes(path: string, count?: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (!(await stat(path)).isFile()) throw new FileError(path, "is no regular file", "name a file");
    if (count === undefined) {
      const whole = new Uint8Array(await readFile(path));
      noteRead("file", path, whole);
      return whole;
    }
    const handle = await open(path, "r");
    try {
      const bytes = new Uint8Array(count);
      const { bytesRead } = await handle.read(bytes, 0, count, 0);
      const beginning = bytes.subarray(0, bytesRead);
      noteRead("beginning", path, beginning, count);
      return beginning;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** Makes a folder, and those above it that are not there. Throws FileError. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    // Of a disk that is read-only or fails, Node 20 says here that nothing is there.
    throw fileError(path, systemCode(cause) === "ENOENT" ? ((await whyNotMade(path)) ?? cause) : cause);
  }
}

/** Why the first folder on the way to `path` that is not there cannot be made. */
async function whyNotMade(path: string): Promise<unknown> {
  const above = dirname(path);
  if (above !== path && !(await isFolder(above))) return whyNotMade(above);
  return mkdir(path).then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

/** Whether a path is a folder; false where nothing is there. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Throws FileError where that cannot be found out. */
export async function exists(path: string): Promise<boolean> {
  let isThere = true;
  try {
    await access(path);
  } catch (cause) {
    if (!["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw fileError(path, cause);
    isThere = false;
  }
  noteRead("existence", path, existence(isThere));
  return isThere;
}

/** Throws FileError where nothing could be written at `path`, a folder that need not exist yet; makes nothing. */
export async function requireWritable(path: string): Promise<void> {
  let folder = resolve(path);
  while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    if (!(await stat(folder)).isDirectory()) throw new FileError(folder, "is no folder", "choose another folder");
    await access(folder, modes.W_OK);
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

/** Throws FileError where `path` exists already; `mend` says what to do instead. */
export async function refuseOverwrite(path: string, mend = "choose another name or remove it first"): Promise<void> {
  if (await exists(path)) throw new FileError(path, "exists already", mend);
}

/** What a file is written from; it may come in parts. */
export type Content = Uint8Array | string | Iterable<Uint8Array>;

/**
 * Writes a file so that after a crash at any moment the old or the new content is there, never a part: a temporary file
 * in the same folder, fsync, rename, fsync of the folder. The folder is made if need be, unless `isThere` says that it
 * must be there. Throws FileError, leaving no temporary file.
 */
export async function writeAtomic(path: string, content: Content, { isThere = false } = {}): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`);
  try {
    if (!isThere) await makeFolder(folder);
    const handle = await open(temporary, "wx");
    try {
      await writeFile(handle, content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileError(path, cause);
  }
}

/** Whether a name is that of a file which `writeAtomic` has begun. */
export const isTemporary = (name: string): boolean => /^\..+\.\d+\.[0-9a-f]{8}\.tmp$/.test(name);

/** Removes what writers that were killed left in a folder; nothing may be writing there. */
export async function removeTemporaries(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [] as string[]);
  for (const name of names.filter(isTemporary)) await rm(join(folder, name), { force: true });
}

/** Makes renames in a folder last; does nothing where folders cannot be synced (Windows). Throws FileError. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? ""))
      throw fileError(folder, error);
  }
}

/** Removes a file if it is there. Throws FileError. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch((cause) => {
    throw fileError(path, cause);
  });
}

/** `name` below `folder`. Throws FileError where it would lead out of it (absolute, "..", a drive, a NUL). */
export function pathInside(folder: string, name: string): string {
  const path = resolve(folder, name);
  const way = relative(resolve(folder), path);
  if (
    name === "" ||
    name.includes("\0") ||
    isAbsolute(name) ||
    /^[a-z]:/i.test(name) ||
    name.includes("\\") ||
    way === "" ||
    way.split(/[\\/]/)[0] === ".." ||
    isAbsolute(way)
  ) {
    throw new FileError(name, `leads out of ${printable(folder)}`, "name a file inside the folder");
  }
  return path;
}
