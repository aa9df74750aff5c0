// Errors that teach: which op, which dimension, both shapes, what would have been right.

/** Every error of the engine carries a stable `code`; messages are one sentence with the mend. */
export class EngineError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Shapes, dtypes or attributes that an op cannot take. */
export class ShapeError extends EngineError {
  constructor(op: string, message: string) {
    super("shape", `${op}: ${message}`);
  }
}

/** An API used against its contract (assign outside a trace, a program used after dispose, …). */
export class UsageError extends EngineError {
  constructor(message: string) {
    super("usage", message);
  }
}

/** The device cannot do what was asked: a limit, told before anything is submitted. */
export class LimitExceededError extends EngineError {
  constructor(message: string) {
    super("limit-exceeded", message);
  }
}

const megabytes = (n: number): string => (n < 1e7 ? `${Math.ceil(n / 1e3)} kB` : `${Math.ceil(n / 1e6)} MB`);

/** A run that can't be planned within its memory budget: told before anything is made. */
export class MemoryBudgetError extends EngineError {
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
      `${what} needs ${reached} for activations even where all that can be is computed again ` +
        `(${megabytes(bytes.whole)} if all is kept), its budget is ${budget}; ` +
        `raise the budget to ${reached}, or make the batch ${(1 / share).toFixed(1)} times smaller${half}`,
    );
  }
}

export class OutOfMemoryError extends EngineError {
  constructor(message: string, options?: ErrorOptions) {
    super("out-of-memory", message, options);
  }
}

/** The device was lost; nothing can be read back through it. */
export class DeviceLostError extends EngineError {
  constructor(message: string) {
    super("device-lost", message);
  }
}

/** A WGSL module did not compile; the message holds the kernel, line and text. */
export class ShaderCompileError extends EngineError {
  constructor(message: string) {
    super("shader-compile", message);
  }
}

/** The GPU reported an error that no call threw. */
export class GpuValidationError extends EngineError {
  constructor(message: string, options?: ErrorOptions) {
    super("gpu-validation", message, options);
  }
}

/** A loss, gradient or weight became NaN or infinite. */
export class NumericalError extends EngineError {
  constructor(message: string, options?: ErrorOptions) {
    super("numerical", message, options);
  }
}

/** A file that is not what it should be: truncated, changed, or of another kind. */
export class CorruptFileError extends EngineError {
  constructor(message: string, options?: ErrorOptions) {
    super("corrupt", message, options);
  }
}
