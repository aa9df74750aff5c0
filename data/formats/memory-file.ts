// Bytes in memory as a file.
import type { ImageFile } from "./format.ts";

/** A file that stands alone. */
export const fileOfBytes = (bytes: Uint8Array<ArrayBuffer>, name: string): ImageFile => ({
  name,
  beginning: async () => bytes,
  bytes: async () => bytes,
  size: async () => bytes.length,
  beside: async () => undefined,
});
