// The error of a user's mistake.

/**
 * A mistake of the user's that a command found: an unusable option, input or file. `message` is one sentence with the
 * mend.
 */
export class CommandError extends Error {
  constructor(
    readonly code: "usage" | "data" | "config" | "file" | "interrupted",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CommandError";
  }
}
