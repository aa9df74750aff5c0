// A DICOMDIR: the files of a medium that it lists.
import { DataError } from "../../errors.ts";
import { inDicom } from "../dicom.ts";
import { parseDicom } from "./parse.ts";

/** The files that a DICOMDIR names, relative to it, each once. Throws DataError where it is damaged or names none. */
export function referencedFiles(bytes: Uint8Array, name: string): Promise<string[]> {
  return inDicom(name, async () => namesIn(bytes, name));
}

function namesIn(bytes: Uint8Array, name: string): string[] {
  const { tags } = parseDicom(bytes, name);
  const files = tags.items("DirectoryRecordSequence").flatMap((record) => {
    const parts = record.text("ReferencedFileID");
    return parts === undefined
      ? []
      : [
          parts
            .split("\\")
            .map((part) => part.trim())
            .join("/"),
        ];
  });
  if (files.length === 0)
    throw new DataError(name, "DirectoryRecordSequence (0004,1220)", "names no file", "copy it again");
  return [...new Set(files)];
}
