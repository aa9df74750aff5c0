// Flags that take a whole number.
import { CommandError } from "../node/errors.ts";

/** The whole number, `least` or more, that a flag's text says. Throws CommandError. */
export function wholeNumber(flag: string, text: string, least = 1): number {
  const n = text.trim() === "" ? NaN : Number(text);
  if (!Number.isInteger(n) || n < least)
    throw new CommandError("usage", `${flag} ${text}: give a whole number of at least ${least}`);
  return n;
}
