// A program over any number of slices: as many at a time as were asked for, or as few of them as the device can hold.
import {
  DISPOSE,
  type Device,
  LimitExceededError,
  type Pacing,
  type Program,
  ShapeError,
  type Tensor,
  UsageError,
  unlessAborted,
} from "../engine/index.ts";

export interface SliceProgramOptions extends Pacing {
  /** Most slices at a time. */
  readonly batch: number;
  /** Slices are [size, size]. */
  readonly size: number;
  /** For messages. */
  readonly name: string;
}

/**
 * A program of `batch` images, halved until the device can hold it. Throws UsageError where that is no whole number of
 * at least 1, LimitExceededError where one image is too many, and as `compile` does.
 */
export async function compileBatch<P>(
  name: string,
  batch: number,
  compile: (batch: number) => Promise<P>,
): Promise<{ program: P; batch: number }> {
  if (!(Number.isSafeInteger(batch) && batch >= 1))
    throw new UsageError(`${name}: a batch of ${batch} slices; give a whole number of at least 1`);
  for (let n = batch; ; n = Math.floor(n / 2)) {
    try {
      return { program: await compile(n), batch: n };
    } catch (error) {
      if (!(error instanceof LimitExceededError) || n === 1) throw error;
    }
  }
}

/** A program that takes any number of slices, a batch at a time. */
export class SliceProgram<O extends string> {
  /** Resolves when all runs so far are over: a program holds the outputs of one. */
  #last: Promise<unknown> = Promise.resolve();
  private constructor(
    readonly program: Program<O>,
    /** Slices at a time: `batch`, halved until the device can hold them. */
    readonly batch: number,
    readonly size: number,
  ) {}

  /**
   * Compiles `f` of slices x [n, size, size, 1]; each of its outputs is [n, …]. Throws LimitExceededError where the
   * device can't hold a single slice; it names the size that would fit; UsageError where `batch` is no whole number of
   * at least 1. Throws as `Device.compile` does, too.
   */
  static async compile<O extends string>(
    device: Device,
    f: (x: Tensor) => Readonly<Record<O, Tensor>>,
    { batch, size, name, ...pacing }: SliceProgramOptions,
  ): Promise<SliceProgram<O>> {
    const compile = (n: number): Promise<Program<O>> =>
      device.compile<"x", O>(({ x }) => f(x), { x: [n, size, size, 1] }, { name, ...pacing });
    try {
      const { program, batch: held } = await compileBatch(name, batch, compile);
      return new SliceProgram(program, held, size);
    } catch (error) {
      if (!(error instanceof LimitExceededError)) throw error;
      throw new LimitExceededError(`${error.message}; ${sizeThatFits(device, f, size)}`);
    }
  }

  /**
   * The outputs for slices [count, size, size]: each [count, …]. Runs that are asked for at once come one after
   * another. Throws ShapeError where those are no slices, and the reason of `signal` as soon as it aborts; what the GPU
   * is at then is finished there, and its result is dropped.
   */
  run(slices: Float32Array, { signal }: Pick<Pacing, "signal"> = {}): Promise<Record<O, Float32Array<ArrayBuffer>>> {
    const mine = this.#last.then(() => this.#run(slices, signal));
    this.#last = mine.catch(() => {});
    return unlessAborted(mine, signal);
  }

  async #run(slices: Float32Array, signal: AbortSignal | undefined): Promise<Record<O, Float32Array<ArrayBuffer>>> {
    const { program, batch, size } = this;
    const pixels = size * size;
    const count = slices.length / pixels;
    if (!(Number.isSafeInteger(count) && count >= 1)) {
      const problem = `${slices.length} numbers are no slices of ${size} × ${size}`;
      throw new ShapeError(program.name, problem);
    }
    const all = {} as Record<O, Float32Array<ArrayBuffer>>;
    for (let first = 0; first < count; first += batch) {
      const many = Math.min(batch, count - first);
      const x = new Float32Array(batch * pixels).fill(-1);
      x.set(slices.subarray(first * pixels, (first + many) * pixels));
      signal?.throwIfAborted();
      program.run({ x });
      const values = Object.entries(await unlessAborted(program.read(), signal)) as [O, Float32Array][];
      for (const [name, value] of values) {
        const each = value.length / batch;
        all[name] ??= new Float32Array(count * each);
        all[name].set(value.subarray(0, many * each), first * each);
      }
    }
    return all;
  }

  dispose(): void {
    this.program.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}

/** "slices of 512 × 512 fit (data.size)": the first half of the size that does, in words. */
function sizeThatFits(device: Device, f: (x: Tensor) => Readonly<Record<string, Tensor>>, size: number): string {
  for (let side = size / 2; Number.isInteger(side) && side >= 16; side /= 2) {
    try {
      device.estimate(({ x }) => f(x!), { x: [1, side, side, 1] });
      return `slices of ${side} × ${side} fit (data.size)`;
    } catch (error) {
      if (!(error instanceof LimitExceededError)) throw error;
    }
  }
  return "no smaller slice fits either: make the network narrower (networks.segmentor.width)";
}
