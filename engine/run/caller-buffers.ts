// The caller's own buffers, as inputs and as places for outputs: what is asked of them is checked before the GPU is.
import { wholeWords } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { BufferPlace } from "./variables.ts";

/**
 * A buffer of the device that the program is on, row-major values in the tensor's dtype (f16 as halves, bool as u32)
 * from its start, or from `offset`, a multiple of 4 bytes, on.
 */
export type CallerBuffer = GPUBuffer | BufferPlace;

/** Sizes of buffers may be rounded up to a multiple of this many bytes. */
const ROUNDED = 16;

const isBuffer = (given: object): given is GPUBuffer => "mapState" in given && "usage" in given;

export const isCallerBuffer = (given: ArrayLike<number> | CallerBuffer): given is CallerBuffer =>
  typeof given === "object" && (isBuffer(given) || "buffer" in given) && !ArrayBuffer.isView(given);

/**
 * Where a tensor is in a caller's buffer, which a copy may use so. Throws UsageError, and ShapeError where the bytes
 * do not fit: a whole buffer holds the tensor's, but for the rounding of its size.
 */
export function placeIn(given: CallerBuffer, what: string, t: Tensor, usage: "COPY_SRC" | "COPY_DST"): BufferPlace {
  const { buffer, offset } = isBuffer(given) ? { buffer: given, offset: 0 } : given;
  if (typeof buffer !== "object" || buffer === null || !isBuffer(buffer))
    throw new UsageError(`${what} is no GPUBuffer, nor { buffer, offset } of one`);
  if (!Number.isInteger(offset) || offset < 0 || offset % 4 !== 0)
    throw new UsageError(`${what} begins at byte ${offset} of its buffer; give a multiple of 4`);
  const bytes = wholeWords(t.bytes);
  const fits = isBuffer(given)
    ? buffer.size >= bytes && buffer.size <= Math.ceil(bytes / ROUNDED) * ROUNDED
    : buffer.size >= offset + bytes;
  const from = offset > 0 ? ` from byte ${offset} on` : "";
  if (!fits)
    throw new ShapeError(
      what,
      `${t.dtype}${show(t.shape)} takes ${bytes} bytes, the buffer has ${buffer.size - offset}${from}; ` +
        "give a part of a larger buffer as { buffer, offset }",
    );
  if ((buffer.usage & GPUBufferUsage[usage]) === 0)
    throw new UsageError(`${what}: the buffer can't be copied; make it with GPUBufferUsage.${usage}`);
  if (buffer.mapState !== "unmapped")
    throw new UsageError(`${what}: the buffer is mapped (${buffer.mapState}); unmap it before`);
  return { buffer, offset };
}
