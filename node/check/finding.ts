// What a check finds: a problem, which training refuses or is misled by, or a note, which is worth knowing.
import { DataError, printable } from "../../data/errors.ts";

export interface Finding {
  readonly gravity: "problem" | "note";
  readonly file: string;
  /** One sentence: "FILE: FIELD: what is wrong; the mend", or a reader's warning. */
  readonly message: string;
}

export const problem = ({ file, message }: DataError): Finding => ({ gravity: "problem", file, message });

export const note = (file: string, field: string, what: string, mend: string): Finding => ({
  gravity: "note",
  file,
  message: new DataError(file, field, what, mend).message,
});

/** A reader's warning, which names its file. */
export const warned = (file: string, warning: string): Finding => ({
  gravity: "note",
  file,
  message: printable(warning).replace(/\.$/, ""),
});
