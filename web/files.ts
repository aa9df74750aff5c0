// Files that come in by a drop, a choice or a paste, folders with all that is in them; and files that go out.
import type { DroppedFile, OpenedFiles } from "./worker/files.ts";
import { during, say, takeIn } from "./state.ts";
import { callback, studio } from "./studio.ts";

/** Opens files and shows what is in them. */
export async function open(files: readonly DroppedFile[]): Promise<void> {
  if (files.length === 0) return say("nothing was dropped");
  const found = await during("opening files", (onProgress) =>
    studio.files.open(
      files,
      callback((part: number) => onProgress({ what: "opening files", part })),
    ),
  );
  if (found) takeIn(found as OpenedFiles);
}

/** The files of a drop, with those in its folders. */
export async function filesOf(transfer: DataTransfer): Promise<DroppedFile[]> {
  // Entries must be asked for before anything is awaited.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  return (await Promise.all(entries.map((entry) => below(entry, "")))).flat();
}

async function below(entry: FileSystemEntry, folder: string): Promise<DroppedFile[]> {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: DroppedFile[] = [];
  // A reader gives some of the entries at a time, none at its end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const inner of some) found.push(...(await below(inner, `${path}/`)));
  }
}

/** The files of an input. */
export const chosen = (input: HTMLInputElement): DroppedFile[] =>
  [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** Gives the user a file. */
export function download({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
