// What must be refused, by which class of error and in which words.
import * as assert from "uvu/assert";

/** Asserts that a promise rejects, or a call throws or rejects, with an error of `Class` whose message matches. */
export async function refused(
  run: Promise<unknown> | (() => unknown),
  message: RegExp,
  Class: abstract new (...args: never) => Error,
): Promise<void> {
  let error: unknown;
  try {
    await (typeof run === "function" ? run() : run);
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error !== undefined, `nothing was thrown where ${message} should be`);
  assert.instance(error, Class);
  assert.match((error as Error).message, message);
}
