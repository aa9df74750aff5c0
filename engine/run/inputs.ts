// What the host gives a run: the program's inputs, and those that are fed by functions of their own.
import { encode, wholeWords } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Places, ProgramParts } from "./build.ts";
import { type CallerBuffer, isCallerBuffer, placeIn } from "./caller-buffers.ts";

/** Values for a program's inputs, by name: numbers, or a buffer on the GPU. */
export type Feeds = Readonly<Record<string, ArrayLike<number> | CallerBuffer>>;
/** Values that are on the GPU, by the names of the inputs that they are for. */
export type BufferFeeds = Readonly<Record<string, CallerBuffer>>;

/**
 * Writes the program's inputs; copies of the caller's buffers go into `encoder`. Throws UsageError on a name that is
 * missing or none and on a buffer that can't be used, ShapeError on a wrong length.
 */
export function writeInputs(parts: ProgramParts, places: Places, feeds: Feeds, encoder: GPUCommandEncoder): void {
  const { gpu, plan, inputs, name } = parts;
  for (const key of Object.keys(feeds)) {
    if (!inputs.has(key))
      throw new UsageError(
        `program ${name} has no input "${key}"; its inputs are ${[...inputs.keys()].join(", ") || "none"}`,
      );
  }
  // All are looked at before the first is written: a caller's encoder gets the whole run or nothing.
  const writes: (() => void)[] = [];
  for (const [key, place] of plan.inputs) {
    const tensor = inputs.get(key)!;
    const { dtype, shape, size } = tensor;
    const data = feeds[key];
    if (!data) throw new UsageError(`program ${name}: input "${key}" ${show(shape)} is missing`);
    const start = places.get(place.storage)!;
    const { buffer } = start;
    const offset = start.offset + place.offset;
    if (isCallerBuffer(data)) {
      const from = placeIn(data, `program ${name}: input "${key}"`, tensor, "COPY_SRC");
      if (size > 0)
        writes.push(() =>
          encoder.copyBufferToBuffer(from.buffer, from.offset, buffer, offset, wholeWords(tensor.bytes)),
        );
      continue;
    }
    if (data.length !== size)
      throw new ShapeError(name, `input "${key}" is ${show(shape)} = ${size} numbers, got ${data.length}`);
    if (size > 0) writes.push(() => gpu.device.queue.writeBuffer(buffer, offset, encode(dtype, data)));
  }
  for (const write of writes) write();
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
