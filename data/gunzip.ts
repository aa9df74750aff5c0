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
  /** Bytes of the member that is being read. */
  #length = 0;

  constructor(
    readonly file: string,
    readonly headBytes: number,
    readonly want: (head: Uint8Array) => number,
  ) {}

  take(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#crc = crc32(data, this.#crc);
    this.#length += data.length;
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

  /** Compares the trailer that ends at byte `end` with what came out of its member, and begins another. */
  checkMember(bytes: Uint8Array, end: number): void {
    if (!this.#isTrailer(viewOf(bytes), end))
      throw new DataError(this.file, "gzip checksum", "does not fit the content", MEND);
    this.#crc = 0;
    this.#length = 0;
  }

  /** Whether checksum and length of the content stand before byte `end`, as a member ends in them. */
  #isTrailer(view: DataView, end: number): boolean {
    return (
      view.getUint32(end - 8, true) === this.#crc >>> 0 && view.getUint32(end - 4, true) === this.#length % 2 ** 32
    );
  }

  /** Where the last member ends, by its trailer; undefined where the content is none, or no trailer is its. */
  endOfMember(bytes: Uint8Array): number | undefined {
    if (this.#length === 0) return undefined;
    const view = viewOf(bytes);
    let end = bytes.length;
    while (end >= LEAST_GZIP && !this.#isTrailer(view, end)) end--;
    return end >= LEAST_GZIP ? end : undefined;
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What a gzip file holds, and how many bytes follow its last member that are not padding by zeros. */
export interface Gunzipped {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly surplus: number;
}

/**
 * The first `want(head)` bytes of a gzip file (several members allowed); `head` is at least `headBytes` of output, or
 * all there is. Zeros behind the last member are padding (tapes, block devices); other bytes are counted. Throws
 * DataError where the stream is damaged, ends early, runs on far past what was wanted, or a checksum is wrong.
 */
export function gunzipBounded(
  bytes: Uint8Array,
  file: string,
  headBytes: number,
  want: (head: Uint8Array) => number,
): Gunzipped {
  const content = new Content(file, headBytes, want);
  const damaged = (cause: unknown): DataError =>
    new DataError(file, "gzip stream", `is damaged or cut (${reasonOf(cause)})`, MEND, { cause });
  let behind = 0;
  try {
    inflateAll(bytes, content);
    if (!content.wanted) content.begin();
    if (bytes.length < LEAST_GZIP) throw new Error("shorter than any gzip file");
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    // What does not begin like a member may follow the last one: its content is whole, as its trailer says.
    const end = content.endOfMember(bytes);
    if (end === undefined || end === bytes.length || isGzip(bytes.subarray(end))) throw damaged(cause);
    behind = bytes.length - end;
  }
  const wanted = content.wanted ?? content.begin();
  if (content.produced < wanted.length) {
    const problem = `expected ${wanted.length} bytes, the gzip stream holds ${content.produced}`;
    throw new DataError(file, "data", problem, MEND);
  }
  // Up to three bytes behind a member end the stream without an error.
  if (behind === 0) behind = bytes.length - (content.endOfMember(bytes) ?? bytes.length);
  content.checkMember(bytes, bytes.length - behind);
  const surplus = bytes.subarray(bytes.length - behind).some((b) => b !== 0) ? behind : 0;
  return { content: wanted, surplus };
}

/** Inflates the file into `content`, in pieces. Throws what is wrong with the stream, and DataError. */
function inflateAll(bytes: Uint8Array, content: Content): void {
  const stream = new Gunzip((data) => content.take(data));
  stream.onmember = (end) => content.checkMember(bytes, end);
  // The first piece is small: a header that lies is refused before much of the stream is inflated.
  for (let at = 0, piece = 1024; at < bytes.length; at += piece, piece = CHUNK) {
    stream.push(bytes.subarray(at, at + piece), at + piece >= bytes.length);
  }
}

/**
 * The first `count` bytes of a gzip file's content from the file's beginning alone; fewer where the piece holds
 * fewer, or something follows them. Nothing is verified. Throws DataError where the stream is damaged from the start.
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
    if (produced === 0) throw new DataError(file, "gzip stream", `is damaged (${reasonOf(cause)})`, MEND, { cause });
  }
  return head.subarray(0, Math.min(count, produced));
}
