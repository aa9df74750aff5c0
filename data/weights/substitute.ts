// What often lies where a file of weights should: a pointer to it, or a page about it.
import { DataError } from "../errors.ts";

/** Throws DataError where `bytes` are a Git LFS pointer or a web page; `what` is what was wanted. */
export function refuseSubstitute(bytes: Uint8Array, file: string, what: "weights" | "model"): void {
  const opening = new TextDecoder("latin1").decode(bytes.subarray(0, 300));
  const refuse = (found: string, mend: string): never => {
    throw new DataError(file, "file", `this is a ${found}, not the ${what}`, mend);
  };
  if (opening.startsWith("version https://git-lfs"))
    refuse("Git LFS pointer", "fetch the real file with `git lfs pull`");
  if (/^\s*<(!doctype|html|\?xml)/i.test(opening))
    refuse("web page", "download it again from an address that gives the file itself");
}
