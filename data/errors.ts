// Errors about a user's data: which file, which field, what is wrong with it, and the mend.
import { CmedlError } from "../errors/cmedl-error.ts";

/** One clear sentence: "FILE: FIELD: problem; mend". */
export class DataError extends CmedlError {
  override readonly name = "DataError";
  /** What else is wrong, where that was found at once. */
  others?: readonly CmedlError[];
  constructor(
    readonly file: string,
    readonly field: string,
    problem: string,
    readonly mend: string,
    options?: ErrorOptions,
  ) {
    super("data", `${printable(file)}: ${field}: ${printable(problem)}; ${mend}`, options);
  }
}

/** Text from outside made fit for a terminal: no control or direction characters, at most `length` characters. */
export function printable(text: string, length = 400): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, "?");
  return clean.length > length ? `${clean.slice(0, length - 1)}…` : clean;
}
