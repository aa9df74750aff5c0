// Bounded gunzip: the header decides how much may come out before anything of that size is made, and checksums are
// compared.
import { Gunzip } from "fflate";
import { DataError } from "./errors.ts";

/** Deflate cannot shrink more than this: 258 bytes from 2 bits. */
export const maxDeflateRatio = 1032;
const CHUNK = 16 * 1024;
/** More than this past the wanted bytes is a lie in the header, not a trailer. */
const SLACK = 1 << 20;

export const isGzip = (bytes: Uint8Array): boolean =>
  bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;

/**
 * The first `want(head)` bytes of a gzip file (several members allowed); `head` is at least `headBytes` of output, or
 * all there is. Throws DataError where the stream is damaged, ends early, runs on far past what was wanted, or a
 * checksum is wrong.
 */
export function gunzipBounded(
  bytes: Uint8Array,
  name: string,
  headBytes: number,
  want: (head: Uint8Array) => number,
): Uint8Array<ArrayBuffer> {
  const mend = "copy or export the file again";
  const waiting: Uint8Array[] = [];
  let out: Uint8Array<ArrayBuffer> | undefined;
  let produced = 0;
  let crc = 0;
  const begin = (): void => {
    const head = new Uint8Array(produced);
    let at = 0;
    for (const part of waiting.splice(0)) head.set(part, at), (at += part.length);
    const wanted = want(head);
    out = new Uint8Array(wanted);
    out.set(head.subarray(0, wanted));
  };
  const checkMember = (end: number): void => {
    const trailer = new DataView(bytes.buffer, bytes.byteOffset + end - 8, 8);
    if (trailer.getUint32(0, true) !== crc >>> 0)
      throw new DataError(name, "gzip checksum", "does not fit the content", mend);
    crc = 0;
  };
  const stream = new Gunzip((data) => {
    if (data.length === 0) return;
    crc = crc32(data, crc);
    if (out) out.set(data.subarray(0, Math.max(0, out.length - produced)), Math.min(produced, out.length));
    else waiting.push(data);
    produced += data.length;
    if (!out && produced >= headBytes) begin();
    if (out && produced > out.length + SLACK) {
      throw new DataError(
        name,
        "gzip content",
        `runs on past the ${out.length} bytes that the header tells of`,
        "check the header's dimensions",
      );
    }
  });
  stream.onmember = checkMember;
  try {
    // The first piece is small: a header that lies is refused before much of the stream is inflated.
    for (let at = 0, piece = 1024; at < bytes.length; at += piece, piece = CHUNK) {
      stream.push(bytes.subarray(at, at + piece), at + piece >= bytes.length);
    }
    if (!out) begin();
    if (bytes.length < 18) throw new Error("shorter than any gzip file");
    if (produced < out!.length)
      throw new DataError(name, "data", `expected ${out!.length} bytes, the gzip stream holds ${produced}`, mend);
    checkMember(bytes.length);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(
      name,
      "gzip stream",
      `is damaged or cut (${cause instanceof Error ? cause.message : String(cause)})`,
      mend,
      { cause },
    );
  }
  return out!;
}

/**
 * The first `count` bytes of a gzip file's content from the file's beginning alone; fewer where the piece holds
 * fewer. Nothing is verified.
 */
export function gunzipHead(bytes: Uint8Array, name: string, count: number): Uint8Array {
  const head = new Uint8Array(count);
  let produced = 0;
  const stream = new Gunzip((data) => {
    head.set(data.subarray(0, Math.max(0, count - produced)), Math.min(count, produced));
    produced += data.length;
  });
  try {
    for (let at = 0; at < bytes.length && produced < count; at += 256) stream.push(bytes.subarray(at, at + 256), false);
  } catch (cause) {
    throw new DataError(
      name,
      "gzip stream",
      `is damaged (${cause instanceof Error ? cause.message : String(cause)})`,
      "copy or export the file again",
      { cause },
    );
  }
  return head.subarray(0, Math.min(count, produced));
}

// Eight tables let the CRC take eight bytes a round ("slicing by 8").
const tables = Array.from({ length: 8 }, () => new Int32Array(256));
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  tables[0][n] = c;
}
for (let n = 0; n < 256; n++)
  for (let t = 1; t < 8; t++) tables[t][n] = (tables[t - 1][n] >>> 8) ^ tables[0][tables[t - 1][n] & 255];

/** CRC-32 of gzip and PNG, going on from `crc`. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let c = ~crc;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c =
      t7[c & 255] ^
      t6[(c >>> 8) & 255] ^
      t5[(c >>> 16) & 255] ^
      t4[c >>> 24] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}
