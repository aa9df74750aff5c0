// Words that a shell completes of options that judge what they are given later, and may take others too: commander's
// own choices stand in the help and refuse all else.
import type { Option } from "commander";

const words = new WeakMap<Option, readonly string[]>();

/** The option, completed by `found`, if there are any. */
export function completing(option: Option, found?: readonly string[]): Option {
  if (found) words.set(option, found);
  return option;
}

/** What completes an option: its words, or its choices; undefined where it takes anything. */
export const wordsOf = (option: Option): readonly string[] | undefined => words.get(option) ?? option.argChoices;
