// Bounded inflate: no more comes out of a deflate stream than is asked for.
import { Inflate, Unzlib } from "fflate";
import { DataError } from "./errors.ts";

const MEND = "copy or export the file again";
/** Bytes of the stream that are inflated at a time. */
const PIECE = 4096;

/** The first `count` bytes of a stream, or all that it holds. Throws DataError where it is damaged. */
export function inflateUpTo(
  bytes: Uint8Array,
  count: number,
  file: string,
  container: "raw" | "zlib",
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let produced = 0;
  const take = (part: Uint8Array): void => {
    if (produced < count) parts.push(part.subarray(0, count - produced));
    produced += part.length;
  };
  const stream = container === "zlib" ? new Unzlib(take) : new Inflate(take);
  try {
    for (let at = 0; at < bytes.length && produced < count; at += PIECE)
      stream.push(bytes.subarray(at, at + PIECE), at + PIECE >= bytes.length);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(file, "deflate stream", `is damaged or cut (${reason})`, MEND, { cause });
  }
  const out = new Uint8Array(Math.min(produced, count));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The first `wanted` bytes of a stream. Throws DataError where it is damaged or holds fewer. */
export function inflateBounded(
  bytes: Uint8Array,
  wanted: number,
  file: string,
  container: "raw" | "zlib",
): Uint8Array<ArrayBuffer> {
  const out = inflateUpTo(bytes, wanted, file, container);
  if (out.length < wanted)
    throw new DataError(file, "data", `expected ${wanted} bytes, the deflate stream holds ${out.length}`, MEND);
  return out;
}
