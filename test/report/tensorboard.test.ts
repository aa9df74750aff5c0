// TensorBoard's records, read back by hand. The checksum's vector is that of RFC 3720, appendix B.4's polynomial.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32c, tensorBoardHeader, tensorBoardRecord } from "../../report/tensorboard.ts";

const test = suite("TensorBoard");
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The message of a record whose length and checksums are right. */
function messageOf(record: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(record.buffer);
  const length = Number(view.getBigUint64(0, true));
  assert.is(record.length, length + 16);
  const unmasked = (at: number): number => {
    const rotated = (view.getUint32(at, true) - 0xa282ead8) >>> 0;
    return ((rotated << 15) | (rotated >>> 17)) >>> 0;
  };
  assert.is(unmasked(8), crc32c(record.subarray(0, 8)));
  assert.is(unmasked(12 + length), crc32c(record.subarray(12, 12 + length)));
  return record.slice(12, 12 + length);
}

test("the checksum is Castagnoli's", () => {
  assert.is(crc32c(bytesOf("123456789")), 0xe3069283);
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

test("a file begins with the version that TensorBoard looks for", () => {
  const message = messageOf(tensorBoardHeader(1.5));
  assert.equal([...message.subarray(0, 9)], [9, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
  assert.equal([...message.subarray(9, 11)], [26, 13]);
  assert.equal([...message.subarray(11)], [...bytesOf("brain.Event:2")]);
});

test("scalars have their step, name and value; what is not finite is left out", () => {
  const message = messageOf(tensorBoardRecord({ wallTime: 0, step: 300, scalars: { a: 0.5, none: NaN, é: -2 } }));
  assert.equal([...message.subarray(9, 12)], [16, 0b1010_1100, 0b10]);
  const value = (tag: string, four: number[]): number[] => {
    const name = [...bytesOf(tag)];
    return [10, name.length + 7, 10, name.length, ...name, 21, ...four];
  };
  const values = [...value("a", [0, 0, 0, 0x3f]), ...value("é", [0, 0, 0, 0xc0])];
  assert.equal([...message.subarray(12)], [42, values.length, ...values]);
});

test.run();
