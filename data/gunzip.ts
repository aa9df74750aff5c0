// Bounded gunzip: the content's own header decides how much may come out before anything of that size is made, and
// checksums are compared.
import { Gunzip } from "fflate";
import { crc32 } from "./crc32.ts";
import { DataError } from "./errors.ts";

/** Deflate cannot shrink more than this: 258 bytes from 2 bits. */
export const maxDeflateRatio = 1032;
/** Bytes of the file that are inflated at a time. */
const CHUNK = 16 * 1024;
/** More than this past the wanted bytes is a lie in the header, not a trailer. */
const SLACK = 1 << 20;
/** A gzip member's header and trailer without any content. */
const LEAST_GZIP = 18;
const MEND = "copy or export the file again";

export const isGzip = (bytes: Uint8Array): boolean =>
  bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The content as it comes out of the stream: held back until the head is known, then copied to its place. */
class Content {
  produced = 0;
  /** Set once the head has told how much is wanted. */
  wanted: Uint8Array<ArrayBuffer> | undefined;
  readonly #waiting: Uint8Array[] = [];
  #crc = 0;

  constructor(
    readonly file: string,
    readonly headBytes: number,
    readonly want: (head: Uint8Array) => number,
  ) {}

  take(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#crc = crc32(data, this.#crc);
    const { wanted, produced } = this;
    if (wanted) wanted.set(data.subarray(0, Math.max(0, wanted.length - produced)), Math.min(produced, wanted.length));
    else this.#waiting.push(data);
    this.produced += data.length;
    if (!this.wanted && this.produced >= this.headBytes) this.begin();
    if (this.wanted && this.produced > this.wanted.length + SLACK) {
      throw new DataError(
        this.file,
        "gzip content",
        `runs on past the ${this.wanted.length} bytes that the header tells of`,
        "check the header's dimensions",
      );
    }
  }

  /** Asks how much is wanted, and makes room for it. */
  begin(): Uint8Array<ArrayBuffer> {
    const head = new Uint8Array(this.produced);
    let at = 0;
    for (const part of this.#waiting.splice(0)) {
      head.set(part, at);
      at += part.length;
    }
    const size = this.want(head);
    const wanted = new Uint8Array(size);
    wanted.set(head.subarray(0, size));
    this.wanted = wanted;
    return wanted;
  }

  /** Compares a member's checksum, `trailer`, with that of its content. */
  checkMember(trailer: DataView): void {
    if (trailer.getUint32(0, true) !== this.#crc >>> 0)
      throw new DataError(this.file, "gzip checksum", "does not fit the content", MEND);
    this.#crc = 0;
  }
}

/**
 * The first `want(head)` bytes of a gzip file (several members allowed); `head` is at least `headBytes` of output, or
 * all there is. Throws DataError where the stream is damaged, ends early, runs on far past what was wanted, or a
 * checksum is wrong.
 */
export function gunzipBounded(
  bytes: Uint8Array,
  file: string,
  headBytes: number,
  want: (head: Uint8Array) => number,
): Uint8Array<ArrayBuffer> {
  const content = new Content(file, headBytes, want);
  const trailerBefore = (end: number): DataView => new DataView(bytes.buffer, bytes.byteOffset + end - 8, 8);
  const stream = new Gunzip((data) => content.take(data));
  stream.onmember = (end) => content.checkMember(trailerBefore(end));
  try {
    // The first piece is small: a header that lies is refused before much of the stream is inflated.
    for (let at = 0, piece = 1024; at < bytes.length; at += piece, piece = CHUNK) {
      stream.push(bytes.subarray(at, at + piece), at + piece >= bytes.length);
    }
    const wanted = content.wanted ?? content.begin();
    if (bytes.length < LEAST_GZIP) throw new Error("shorter than any gzip file");
    if (content.produced < wanted.length) {
      const problem = `expected ${wanted.length} bytes, the gzip stream holds ${content.produced}`;
      throw new DataError(file, "data", problem, MEND);
    }
    content.checkMember(trailerBefore(bytes.length));
    return wanted;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(file, "gzip stream", `is damaged or cut (${reasonOf(cause)})`, MEND, { cause });
  }
}

/**
 * The first `count` bytes of a gzip file's content from the file's beginning alone; fewer where the piece holds
 * fewer. Nothing is verified. Throws DataError where the stream is damaged.
 */
export function gunzipHead(bytes: Uint8Array, file: string, count: number): Uint8Array {
  const head = new Uint8Array(count);
  let produced = 0;
  const stream = new Gunzip((data) => {
    head.set(data.subarray(0, Math.max(0, count - produced)), Math.min(count, produced));
    produced += data.length;
  });
  try {
    for (let at = 0; at < bytes.length && produced < count; at += 256) stream.push(bytes.subarray(at, at + 256), false);
  } catch (cause) {
    throw new DataError(file, "gzip stream", `is damaged (${reasonOf(cause)})`, MEND, { cause });
  }
  return head.subarray(0, Math.min(count, produced));
}
