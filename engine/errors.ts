// What the engine throws. Errors teach: which op, which dimension, both shapes, what would have been right.
import { CmedlError } from "../errors/cmedl-error.ts";

export { CmedlError, type ErrorData } from "../errors/cmedl-error.ts";

/** Shapes, dtypes or attributes that an op cannot take. */
export class ShapeError extends CmedlError {
  override readonly name = "ShapeError";
  constructor(op: string, message: string) {
    super("shape", `${op}: ${message}`);
  }
}

/** An API used against its contract (assign outside a trace, a program used after dispose, …). */
export class UsageError extends CmedlError {
  override readonly name = "UsageError";
  constructor(message: string) {
    super("usage", message);
  }
}

/** No GPU is to be had here. */
export class GpuUnavailableError extends CmedlError {
  override readonly name = "GpuUnavailableError";
  constructor(
    message: string,
    /** Where it was looked for, and what came of it. */
    readonly tried: readonly { readonly how: string; readonly result: string }[] = [],
    options?: ErrorOptions,
  ) {
    super("gpu-unavailable", message, options);
  }
}

/** The device cannot do what was asked: a limit, checked before anything is submitted. */
export class LimitExceededError extends CmedlError {
  override readonly name = "LimitExceededError";
  constructor(message: string) {
    super("limit-exceeded", message);
  }
}

const megabytes = (n: number): string => (n < 1e7 ? `${Math.ceil(n / 1e3)} kB` : `${Math.ceil(n / 1e6)} MB`);

/** A run that can't be planned within its memory budget; thrown before anything is allocated. */
export class MemoryBudgetError extends CmedlError {
  override readonly name = "MemoryBudgetError";
  constructor(
    what: string,
    readonly bytes: { readonly budget: number; readonly reached: number; readonly whole: number },
  ) {
    const budget = megabytes(bytes.budget);
    const reached = megabytes(bytes.reached);
    const share = bytes.budget / bytes.reached;
    // Half precision saves at most a half.
    const half = share > 0.55 ? ", or store activations in f16" : "";
    super(
      "memory-budget",
      `${what} needs ${reached} for activations at least ` +
        `(${megabytes(bytes.whole)} if all is kept), its budget is ${budget}; ` +
        `raise the budget to ${reached}, or make the batch ${(1 / share).toFixed(1)} times smaller${half}`,
    );
  }
}

/** The GPU has no memory left. */
export class OutOfMemoryError extends CmedlError {
  override readonly name = "OutOfMemoryError";
  constructor(message: string, options?: ErrorOptions) {
    super("out-of-memory", message, options);
  }
}

/** The device was lost; nothing can be read back through it. */
export class DeviceLostError extends CmedlError {
  override readonly name = "DeviceLostError";
  constructor(message: string) {
    super("device-lost", message);
  }
}

/** The values of a variable went with the device that changed them last. */
export class ValuesLostError extends CmedlError {
  override readonly name = "ValuesLostError";
  constructor(variable: string, options?: ErrorOptions) {
    super(
      "values-lost",
      `the values of ${variable} were changed on a device that is gone; read them before (device.read) and ` +
        "write them to the new one (device.write), or initialize() again",
      options,
    );
  }
}

/** A WGSL module did not compile; the message holds the kernel, line and text. */
export class ShaderCompileError extends CmedlError {
  override readonly name = "ShaderCompileError";
  constructor(message: string) {
    super("shader-compile", message);
  }
}

/** The GPU reported an error that no call threw. */
export class GpuValidationError extends CmedlError {
  override readonly name = "GpuValidationError";
  constructor(message: string, options?: ErrorOptions) {
    super("gpu-validation", message, options);
  }
}

/** A loss, gradient or weight became NaN or infinite. */
export class NumericalError extends CmedlError {
  override readonly name = "NumericalError";
  constructor(message: string, options?: ErrorOptions) {
    super("numerical", message, options);
  }
}

/** A file that is not what it should be: truncated, changed, or of another kind. */
export class CorruptFileError extends CmedlError {
  override readonly name = "CorruptFileError";
  constructor(message: string, options?: ErrorOptions) {
    super("corrupt", message, options);
  }
}
