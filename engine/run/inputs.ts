// What the host gives a run: the program's inputs, and those that are fed by functions of their own.
import { encode } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Places, ProgramParts } from "./build.ts";

/** Values for a program's inputs, by name. */
export type Feeds = Readonly<Record<string, ArrayLike<number>>>;

/** Writes the program's inputs. Throws UsageError on a name that is missing or none, ShapeError on a wrong length. */
export function writeInputs({ gpu, plan, inputs, name }: ProgramParts, places: Places, feeds: Feeds): void {
  for (const key of Object.keys(feeds)) {
    if (!inputs.has(key))
      throw new UsageError(
        `program ${name} has no input "${key}"; its inputs are ${[...inputs.keys()].join(", ") || "none"}`,
      );
  }
  for (const storage of plan.storages) {
    if (storage.kind !== "input") continue;
    const key = storage.input!;
    const { dtype, shape, size } = inputs.get(key)!;
    const data = feeds[key];
    if (!data) throw new UsageError(`program ${name}: input "${key}" ${show(shape)} is missing`);
    if (data.length !== size)
      throw new ShapeError(name, `input "${key}" is ${show(shape)} = ${size} numbers, got ${data.length}`);
    if (size > 0) gpu.device.queue.writeBuffer(places.get(storage)!.buffer, 0, encode(dtype, data));
  }
}

/** The host buffer: the run's number, then what each host input's feed gives. */
export class HostBuffer {
  readonly #bytes: ArrayBuffer;

  constructor(
    readonly parts: ProgramParts,
    readonly buffer: GPUBuffer,
  ) {
    this.#bytes = new ArrayBuffer(buffer.size);
  }

  /** Throws ShapeError where a feed gives a wrong count of numbers. */
  write(run: number): void {
    const { gpu, plan, name } = this.parts;
    new DataView(this.#bytes).setUint32(0, run, true);
    for (const { tensor, offset, feed, name: key } of plan.hostInputs) {
      const data = feed();
      if (data.length !== tensor.size)
        throw new ShapeError(
          name,
          `host input "${key}" is ${show(tensor.shape)}, its feed gave ${data.length} numbers`,
        );
      new Uint8Array(this.#bytes, offset).set(new Uint8Array(encode(tensor.dtype, data)));
    }
    gpu.device.queue.writeBuffer(this.buffer, 0, this.#bytes);
  }
}
