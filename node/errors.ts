// The error of a user's mistake.
import { CmedlError } from "../errors/cmedl-error.ts";

/**
 * A mistake of the user's that a command found: an unusable option, input or file. `message` is one sentence with the
 * mend.
 */
export class CommandError extends CmedlError {
  override readonly name = "CommandError";
  constructor(
    code: "usage" | "data" | "config" | "file" | "findings" | "interrupted",
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}
