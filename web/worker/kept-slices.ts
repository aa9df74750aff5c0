// Slices of a set as bytes: a line of JSON with size and origins, then images in 32-bit floats, then masks.
import { DataError } from "../../data/errors.ts";
import { type SliceOrigin, type Slices, sliceSet } from "../../data/slices.ts";

interface Header {
  readonly size: number;
  readonly origins: readonly SliceOrigin[];
}

export function writeSlices(slices: Slices): Uint8Array<ArrayBuffer> {
  const { size, count, origins } = slices;
  const n = size ** 2;
  const images = new Float32Array(count * n);
  const masks = new Uint8Array(count * n);
  for (let i = 0; i < count; i++) {
    slices.copyImage(i, images, i * n);
    slices.copyMask(i, masks, i * n);
  }
  const header = new TextEncoder().encode(`${JSON.stringify({ size, origins: origins.slice(0, count) })}\n`);
  const bytes = new Uint8Array(header.length + images.byteLength + masks.length);
  bytes.set(header);
  bytes.set(new Uint8Array(images.buffer), header.length);
  bytes.set(masks, header.length + images.byteLength);
  return bytes;
}

/** `name` is what errors call the set. Throws DataError where the bytes are not those that writeSlices made. */
export function readSlices(bytes: Uint8Array<ArrayBuffer>, name: string): Slices {
  const end = bytes.indexOf(10) + 1;
  const { size, origins } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as Header;
  const count = origins.length;
  const pixels = count * size ** 2;
  if (bytes.length !== end + 5 * pixels)
    throw new DataError(name, "slices", "are cut short", "delete the run, and start it again from its folders");
  const images = new Float32Array(bytes.slice(end, end + 4 * pixels).buffer);
  return sliceSet({ size, count, origins, images, masks: bytes.slice(end + 4 * pixels) });
}
