// The directory of a zip archive, read without trust: sizes are held against the file before anything of that size is
// made. Stored entries (all that torch.save writes) are views of the file; deflated ones are inflated up to the size
// they declare.
import { Inflate } from "fflate";
import { DataError } from "../errors.ts";
import { crc32 } from "../crc32.ts";
import { maxDeflateRatio } from "../gunzip.ts";

export const isZip = (bytes: Uint8Array): boolean =>
  bytes.length > 3 &&
  bytes[0] === 0x50 &&
  bytes[1] === 0x4b &&
  (bytes[2] === 3 || bytes[2] === 5) &&
  bytes[3] === bytes[2] + 1;

const MEND = "copy or save the file again";
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly local: number;
}

export class Zip {
  readonly #entries = new Map<string, Entry>();
  readonly #view: DataView;

  /** Reads the directory. Throws DataError that names `file`. */
  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { count, offset, size } = this.#directory();
    let at = offset;
    let packed = 0;
    const end = offset + size;
    if (!(end <= bytes.length))
      this.#fail("zip directory", `is said to end at byte ${end}, the file has ${bytes.length}`);
    for (let i = 0; i < count; i++) {
      if (at + 46 > end || this.#u32(at) !== CENTRAL)
        this.#fail("zip directory", `breaks off after ${i} of ${count} entries`);
      const entry = this.#entry(at, end);
      at = entry.next;
      packed += entry.packed;
      if (this.#entries.has(entry.name)) this.#fail("zip directory", `names ${JSON.stringify(entry.name)} twice`);
      if (entry.method === 0 ? entry.size !== entry.packed : entry.size > entry.packed * maxDeflateRatio)
        this.#fail(`zip entry ${entry.name}`, `says that ${entry.packed} bytes hold ${entry.size}`);
      this.#entries.set(entry.name, entry);
    }
    if (packed > bytes.length)
      this.#fail("zip directory", `its entries take ${packed} bytes, the file has ${bytes.length}`);
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }
  has(name: string): boolean {
    return this.#entries.has(name);
  }
  /** The declared size of an entry that exists. */
  sizeOf(name: string): number {
    return this.#entries.get(name)!.size;
  }

  /**
   * An entry's content, verified by its checksum. Throws DataError where it is missing, damaged, or not of the size
   * it declares.
   */
  read(name: string): Uint8Array {
    const entry = this.#entries.get(name);
    if (!entry) return this.#fail(`zip entry ${name}`, "is missing");
    const field = `zip entry ${name}`;
    const { local, packed, size, method, flags } = entry;
    if (flags & 1) this.#fail(field, "is encrypted", "save it without a password");
    if (local + 30 > this.bytes.length || this.#u32(local) !== LOCAL)
      this.#fail(field, `has no header at byte ${local}`);
    const from = local + 30 + this.#u16(local + 26) + this.#u16(local + 28);
    if (from + packed > this.bytes.length)
      this.#fail(field, `needs ${packed} bytes from byte ${from}, the file has ${this.bytes.length}`);
    const stored = this.bytes.subarray(from, from + packed);
    const content =
      method === 0
        ? stored
        : method === 8
          ? this.#inflate(stored, size, field)
          : this.#fail(field, `is packed by method ${method}`, "pack it with deflate, or not at all");
    if (crc32(content) !== entry.crc) this.#fail(field, "its checksum does not fit the content");
    return content;
  }

  #inflate(packed: Uint8Array, size: number, field: string): Uint8Array {
    const out = new Uint8Array(size);
    let produced = 0;
    const stream = new Inflate((data) => {
      if (produced + data.length > size) this.#fail(field, `holds more than the ${size} bytes it declares`);
      out.set(data, produced);
      produced += data.length;
    });
    try {
      for (let at = 0, piece = 1024; at < packed.length; at += piece, piece = 16384)
        stream.push(packed.subarray(at, at + piece), at + piece >= packed.length);
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw new DataError(
        this.file,
        field,
        `is damaged (${cause instanceof Error ? cause.message : String(cause)})`,
        MEND,
        { cause },
      );
    }
    if (produced !== size) this.#fail(field, `holds ${produced} bytes, declares ${size}`);
    return out;
  }

  /** Where the directory is: from the record at the file's end, or its 64-bit form before it. */
  #directory(): { count: number; offset: number; size: number } {
    const { bytes } = this;
    let at = bytes.length - 22;
    const lowest = Math.max(0, at - 65535);
    while (at >= lowest && this.#u32(at) !== END) at--;
    if (at < lowest)
      return this.#fail("zip", `end-of-central-directory record not found: file truncated (${bytes.length} bytes)`);
    const plain = { count: this.#u16(at + 10), size: this.#u32(at + 12), offset: this.#u32(at + 16) };
    if (plain.count !== 0xffff && plain.size !== 0xffffffff && plain.offset !== 0xffffffff) return plain;
    const locator = at - 20;
    if (locator < 0 || this.#u32(locator) !== LOCATOR64) return plain;
    const record = this.#u64(locator + 8);
    if (!(record + 56 <= bytes.length) || this.#u32(record) !== END64)
      return this.#fail("zip", `has no directory record at byte ${record}`);
    return { count: this.#u64(record + 32), size: this.#u64(record + 40), offset: this.#u64(record + 48) };
  }

  /** One record of the directory; sizes over 4 GiB stand in its extra field. */
  #entry(at: number, end: number): Entry & { next: number } {
    const nameLength = this.#u16(at + 28);
    const extraLength = this.#u16(at + 30);
    const extra = at + 46 + nameLength;
    const next = extra + extraLength + this.#u16(at + 32);
    if (next > end) this.#fail("zip directory", `an entry at byte ${at} runs past its end`);
    const name = new TextDecoder().decode(this.bytes.subarray(at + 46, extra));
    const numbers = { size: this.#u32(at + 24), packed: this.#u32(at + 20), local: this.#u32(at + 42) };
    for (let e = extra; e + 4 <= extra + extraLength; e += 4 + this.#u16(e + 2)) {
      if (this.#u16(e) !== 1) continue;
      let field = e + 4;
      for (const key of ["size", "packed", "local"] as const) {
        if (numbers[key] !== 0xffffffff) continue;
        if (field + 8 > extra + extraLength)
          this.#fail("zip directory", `an entry at byte ${at} lacks its 64-bit ${key}`);
        numbers[key] = this.#u64(field);
        field += 8;
      }
      break;
    }
    return { name, ...numbers, flags: this.#u16(at + 8), method: this.#u16(at + 10), crc: this.#u32(at + 16), next };
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, true);
  }
  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }
  #u64(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }
  #fail(field: string, problem: string, mend = MEND): never {
    throw new DataError(this.file, field, problem, mend);
  }
}
