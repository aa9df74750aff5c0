// Options that are one of a few words: a caller without types may give any.
import { ShapeError } from "./errors.ts";

/** `value`, which must be one of `choices`. Throws ShapeError. */
export function oneOf<T>(op: string, what: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  const words = choices.map((c) => JSON.stringify(c));
  throw new ShapeError(
    op,
    `${what} is ${textOf(value)}; it must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
  );
}

const textOf = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value));
