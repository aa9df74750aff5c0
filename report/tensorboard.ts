// Scalars as TensorBoard reads them: a file of records, each an Event message of Protocol Buffers in TensorFlow's
// record frame (length, its checksum, the message, its checksum), all little-endian.

/** Numbers of one step by name. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
}

// Field numbers of Event, Summary and Summary.Value, of tensorflow/core/{util/event,framework/summary}.proto.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, simpleValue: 2 };

/** The first record of a file. */
export const tensorBoardHeader = (wallTime: number): Uint8Array<ArrayBuffer> =>
  recordOf([...double(EVENT.wallTime, wallTime), ...text(EVENT.fileVersion, "brain.Event:2")]);

/** A record of scalars; those that are not finite are left out. */
export function tensorBoardRecord({ wallTime, step, scalars }: ScalarEvent): Uint8Array<ArrayBuffer> {
  const values = Object.entries(scalars)
    .filter(([, value]) => Number.isFinite(value))
    .flatMap(([tag, value]) => message(SUMMARY.value, [...text(VALUE.tag, tag), ...float(VALUE.simpleValue, value)]));
  return recordOf([
    ...double(EVENT.wallTime, wallTime),
    ...varint(EVENT.step << 3),
    ...varint(step),
    ...message(EVENT.summary, values),
  ]);
}

function recordOf(bytes: readonly number[]): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(bytes.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedChecksum(record.subarray(12, 12 + bytes.length)), true);
  return record;
}

/** A number in groups of seven bits, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

// The wire types of a field: 1 is eight bytes, 2 a length and so many bytes, 5 four bytes.
const message = (field: number, bytes: readonly number[]): number[] => [
  ...varint((field << 3) | 2),
  ...varint(bytes.length),
  ...bytes,
];
const text = (field: number, value: string): number[] => message(field, [...new TextEncoder().encode(value)]);
const double = (field: number, value: number): number[] => [
  ...varint((field << 3) | 1),
  ...new Uint8Array(Float64Array.of(value).buffer),
];
const float = (field: number, value: number): number[] => [
  ...varint((field << 3) | 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];

/** Rows of CRC-32C (Castagnoli), its polynomial reversed. */
const ROWS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let row = byte;
  for (let bit = 0; bit < 8; bit++) row = row & 1 ? (row >>> 1) ^ 0x82f63b78 : row >>> 1;
  return row;
});

/** CRC-32C of bytes; of "123456789" it is e3069283. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ ROWS[(crc ^ byte) & 255]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum as records have it: rotated, and a constant added. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
