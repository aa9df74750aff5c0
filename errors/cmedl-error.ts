// The class of every deliberate error, and the form in which one goes from thread to thread.

/** An error as plain data, which structuredClone and JSON keep whole; beside these fields the details of its class. */
export interface ErrorData {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly [detail: string]: unknown;
}

/**
 * Every deliberate error: a `code` that stays the same between versions (docs/errors.md lists them), and a message of
 * one sentence that ends in the mend. `name` is the class's, in a minified bundle too.
 */
export class CmedlError extends Error {
  override readonly name: string = "CmedlError";
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /**
   * The error as plain data. An error that is posted to another thread as it is keeps its message alone: post this,
   * and make an error of it by `CmedlError.from` there.
   */
  toJSON(): ErrorData {
    const cause = this.cause === undefined ? {} : { cause: causeOf(this.cause) };
    const { name, code, message } = this;
    return { ...Object.fromEntries(Object.entries(this)), name, code, message, ...cause };
  }

  /**
   * An error again of what `toJSON` gave: with its name, code, message and details, an instance of this class and not
   * of its own. A CmedlError comes as it is; anything else becomes the cause of one whose code is "unexpected".
   */
  static from(value: unknown): CmedlError {
    if (value instanceof CmedlError) return value;
    const { code, message, cause, ...details } = (
      typeof value === "object" && value ? value : {}
    ) as Partial<ErrorData>;
    if (value instanceof Error || typeof code !== "string" || typeof message !== "string")
      return new CmedlError("unexpected", typeof message === "string" ? message : String(value), { cause: value });
    const error = new CmedlError(code, message, cause === undefined ? undefined : { cause });
    const own = Object.entries(details).filter(([key]) => key === "name" || !(key in error));
    return Object.assign(error, Object.fromEntries(own));
  }
}

/** What is kept of a cause: of an error its name, message and code, of anything else its text. */
function causeOf(cause: unknown): unknown {
  if (!(cause instanceof Error)) return String(cause);
  const { name, message } = cause;
  const { code } = cause as { code?: unknown };
  return typeof code === "string" ? { name, code, message } : { name, message };
}
