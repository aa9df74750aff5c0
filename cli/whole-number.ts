// Flags that take a whole number.
import { CommandError } from "../node/errors.ts";

/** The whole number from `least` to `most` that a flag's text says. Throws CommandError. */
export function wholeNumber(flag: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const n = text.trim() === "" ? NaN : Number(text);
  if (Number.isInteger(n) && n >= least && n <= most) return n;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new CommandError("usage", `${flag} ${text}: give a whole number ${range}`);
}
