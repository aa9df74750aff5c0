// What tests record so that Node and a page can be compared bit for bit.
import { runningFile } from "../run.ts";

export interface RecordedBits {
  /** The test file that recorded it. */
  file: string;
  name: string;
  /** Name of the typed array. */
  type: string;
  /** Its bytes, two hexadecimal digits each. */
  hex: string;
}

/** Bits of `data` as a record of the file that runs now. */
export function recordOf(name: string, data: ArrayBufferView): RecordedBits {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    file: runningFile(),
    name,
    type: data.constructor.name,
    hex: Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(""),
  };
}

/** Why two records of one name differ, or nothing. */
export function difference(a: RecordedBits | undefined, b: RecordedBits | undefined): string | undefined {
  if (!a || !b) return "only one side recorded it";
  if (a.type !== b.type || a.hex.length !== b.hex.length)
    return `${a.type} of ${a.hex.length / 2} bytes against ${b.type} of ${b.hex.length / 2}`;
  if (a.hex === b.hex) return undefined;
  const [x, y] = [valuesOf(a), valuesOf(b)];
  const differ = Array.from(x, (_, i) => i).filter((i) => !Object.is(x[i], y[i]));
  return differ.length === 0
    ? "NaNs of different bits"
    : `${differ.length} of ${x.length} values differ, the first at ${differ[0]}: ${x[differ[0]]} against ${y[differ[0]]}`;
}

function valuesOf({ type, hex }: RecordedBits): ArrayLike<number> {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (h) => parseInt(h, 16));
  if (type === "Float32Array") return new Float32Array(bytes.buffer);
  return type === "Uint32Array" || type === "Int32Array" ? new Uint32Array(bytes.buffer) : bytes;
}
