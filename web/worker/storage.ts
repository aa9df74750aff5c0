// The browser's own files (OPFS), which stay when the page is closed. Each is written whole or not at all.
import { UsageError } from "../../engine/index.ts";

/** Folders of files, by paths such as "runs/1/config.json". */
export interface Storage {
  /** The names in a folder; none where it does not exist. */
  names(folder: string): Promise<string[]>;
  /** A file's bytes; undefined where there is none. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Resolves once the file is safe; until then what was there before is what is read. */
  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Removes a file or a folder with all in it; nothing where it does not exist. */
  remove(path: string): Promise<void>;
}

/** What TypeScript's types of pages leave out, for workers have it alone. */
interface SyncFile {
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type FileHandle = FileSystemFileHandle & {
  createSyncAccessHandle?(): Promise<SyncFile>;
  move?(name: string): Promise<void>;
};
type FolderHandle = FileSystemDirectoryHandle & { keys(): AsyncIterableIterator<string> };

/** What is being written lies beside under this ending, and is no file of anybody's. */
const UNFINISHED = ".unfinished";

export class BrowserStorage implements Storage {
  async names(folder: string): Promise<string[]> {
    const found = await this.#folder(folder);
    const names: string[] = [];
    if (found) for await (const name of found.keys()) if (!name.endsWith(UNFINISHED)) names.push(name);
    return names;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { folder, name } = parted(path);
    const handle = await absent((await this.#folder(folder))?.getFileHandle(name));
    return handle && new Uint8Array(await (await handle.getFile()).arrayBuffer());
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { folder, name } = parted(path);
    const into = (await this.#folder(folder, true))!;
    try {
      if ("createWritable" in FileSystemFileHandle.prototype) {
        const stream = await (await into.getFileHandle(name, { create: true })).createWritable();
        await stream.write(bytes);
        await stream.close(); // it is then that the file becomes another
        return;
      }
      await writeBeside(into, name, bytes);
    } catch (cause) {
      if ((cause as Error).name !== "QuotaExceededError") throw cause;
      throw new UsageError(`the browser has no room for ${name} (${bytes.length} bytes); delete runs, or free space`);
    }
  }

  async remove(path: string): Promise<void> {
    const { folder, name } = parted(path);
    await absent((await this.#folder(folder))?.removeEntry(name, { recursive: true }));
  }

  async #folder(path: string, create = false): Promise<FolderHandle | undefined> {
    if (!navigator.storage?.getDirectory)
      throw new UsageError("this browser keeps no files for pages; use another one, or leave private browsing");
    let at: FileSystemDirectoryHandle | undefined = await navigator.storage.getDirectory();
    for (const name of path.split("/").filter((part) => part !== ""))
      at = create ? await at!.getDirectoryHandle(name, { create }) : await absent(at?.getDirectoryHandle(name));
    return at as FolderHandle | undefined;
  }
}

/** For browsers whose files can't be replaced in one step: beside, then in its place. */
async function writeBeside(into: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  const handle: FileHandle = await into.getFileHandle(name + UNFINISHED, { create: true });
  if (!handle.createSyncAccessHandle || !handle.move)
    throw new UsageError("this browser can't write files for pages; use a newer one");
  const file = await handle.createSyncAccessHandle();
  try {
    file.truncate(0);
    file.write(bytes, { at: 0 });
    file.flush();
  } finally {
    file.close();
  }
  await handle.move(name);
}

const parted = (path: string): { folder: string; name: string } => ({
  folder: path.slice(0, path.lastIndexOf("/") + 1),
  name: path.slice(path.lastIndexOf("/") + 1),
});

/** What is asked for, or undefined where it does not exist. */
async function absent<T>(asked: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if ((error as Error).name === "NotFoundError") return undefined;
    throw error;
  }
}
