// The arguments of a pickle's opcodes, read one after the other and never past the end.
import { DataError } from "../errors.ts";

/** Longest integer, in bytes: ids and hashes are far shorter. */
const MAX_INTEGER = 256;

/** Every method reads at `at` and moves it on. Throws DataError with the place where the pickle is damaged. */
export class PickleBytes {
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
    public at: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(problem: string, mend = "copy or save the file again"): never {
    throw new DataError(this.file, `pickle, byte ${this.at}`, problem, mend);
  }

  /** Moves past `count` bytes; where they began. */
  #take(count: number): number {
    const left = this.bytes.length - this.at;
    if (!(count >= 0 && count <= left)) this.fail(`wants ${count} bytes more, ${left} are left`);
    const from = this.at;
    this.at += count;
    return from;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }
  f64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }
  /** A two's complement integer of `count` bytes, the lowest first; a bigint where a number is too small for it. */
  integer(count: number): number | bigint {
    if (count > MAX_INTEGER) return this.fail(`holds an integer of ${count} bytes`);
    let value = 0n;
    this.raw(count).forEach((b, i) => {
      value |= BigInt(b) << BigInt(8 * i);
    });
    value = BigInt.asIntN(8 * count, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  raw(count: number): Uint8Array {
    const from = this.#take(count);
    return this.bytes.subarray(from, this.at);
  }
  text(count: number): string {
    return this.#utf8(this.raw(count));
  }
  latin1(count: number): string {
    return Array.from(this.raw(count), (c) => String.fromCharCode(c)).join("");
  }
  #utf8(part: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
    } catch {
      return this.fail("holds text that is not UTF-8");
    }
  }

  /** Text up to the next line end. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) return this.fail("ends within a line");
    const from = this.at;
    this.at = end + 1;
    return this.#utf8(this.bytes.subarray(from, end));
  }
  /** A line in which \uXXXX stands for a character. */
  escapedLine(): string {
    return this.line().replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  }
  /** A line without the quotes round it. */
  quotedLine(): string {
    return this.line().replace(/^(['"])(.*)\1$/, "$2");
  }
  /** A line of digits that may end in L. */
  long(): number | bigint {
    return this.#decimal(this.line().replace(/L$/, ""));
  }
  /** A line of digits; "00" is False, and "01" is True. */
  decimalOrBoolean(): number | bigint | boolean {
    const digits = this.line();
    if (digits === "00") return false;
    return digits === "01" ? true : this.#decimal(digits);
  }
  #decimal(digits: string): number | bigint {
    if (!/^[+-]?\d{1,600}$/.test(digits)) return this.fail("holds an integer that is none");
    return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
  }

  checkProtocol(): void {
    const version = this.u8();
    if (version > 5) this.fail(`is of protocol ${version}, newer than 5`, "save it with pickle_protocol=2");
  }
  checkFrame(): void {
    const length = this.u64();
    const left = this.bytes.length - this.at;
    if (length > left) this.fail(`opens a frame of ${length} bytes, ${left} are left`);
  }
}
