// Words that a shell completes of options and arguments that judge what they are given later, and may take others too:
// commander's own choices stand in the help and refuse all else.
import type { Argument, Option } from "commander";

const words = new WeakMap<Option | Argument, readonly string[]>();

/** The option or argument, completed by `found`, if there are any. */
export function completing<T extends Option | Argument>(of: T, found?: readonly string[]): T {
  if (found) words.set(of, found);
  return of;
}

/** What completes an option or argument: its words, or its choices; undefined where it takes anything. */
export const wordsOf = (of: Option | Argument): readonly string[] | undefined => words.get(of) ?? of.argChoices;
