// What a command does with images that are plainly not what they are taken for.
import { DataError } from "../../data/errors.ts";
import type { Unlikeness } from "../../data/likeness.ts";
import type { Narrator } from "../narrator.ts";

/** Whether odd images are an error, a line, or ignored. */
export type Oddness = "refuse" | "say" | "ignore";

/** Throws what is odd about the values of images in `file`, or tells of it. */
export function tellOdd(file: string, found: Unlikeness | undefined, odd: Oddness, narrator: Narrator): void {
  if (!found || odd === "ignore") return;
  const fault = new DataError(file, "values", found.problem, `${found.mend}; --force goes on anyway`);
  if (odd === "refuse") throw fault;
  narrator.say(`going on by --force: ${fault.message}`);
}
