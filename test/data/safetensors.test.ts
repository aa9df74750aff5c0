import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { type TensorToWrite, readSafetensors, toFloat32, writeSafetensors } from "../../data/weights/safetensors.ts";

const test = suite("safetensors");

/** A file from a header text and data bytes; `length` lies about the header length. */
function file(header: string | Uint8Array, data: number | Uint8Array = 16, length?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}
const entry = (fields: Record<string, unknown>): string =>
  JSON.stringify({ w: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16], ...fields } });
const good = entry({});

function refusal(bytes: Uint8Array): string {
  try {
    readSafetensors(bytes, "model.safetensors");
  } catch (error) {
    assert.instance(error, DataError);
    return (error as Error).message;
  }
  return "accepted";
}

test("what is written reads back, with shapes, types and metadata", () => {
  const tensors: [string, TensorToWrite][] = [
    ["b", { shape: [3], data: new Float32Array([1, -2, 3.5]) }],
    ["bytes", { dtype: "U8", shape: [5], data: new Uint8Array([1, 2, 3, 4, 5]) }],
    ["wide", { dtype: "F64", shape: [1], data: new Float64Array([Math.PI]) }],
    ["long", { dtype: "I64", shape: [2], data: new BigInt64Array([-1n, 7n]) }],
    ["scalar", { shape: [], data: new Float32Array([9]) }],
    ["empty", { shape: [0, 4], data: new Float32Array(0) }],
    ["__proto__", { shape: [1], data: new Float32Array([4]) }],
  ];
  const bytes = writeSafetensors(tensors, [
    ["step", "12"],
    ["note", "ä\n"],
  ]);
  const back = readSafetensors(bytes);
  assert.is(back.tensors.size, tensors.length);
  for (const [name, t] of tensors) {
    const got = back.tensors.get(name)!;
    assert.is(got.dtype, t.dtype ?? "F32");
    assert.equal(got.shape, t.shape);
    assert.equal([...(got.data as Float32Array)], [...(t.data as Float32Array)]);
  }
  assert.equal(
    [...back.metadata],
    [
      ["note", "ä\n"],
      ["step", "12"],
    ],
  );
  assert.is(({} as Record<string, unknown>).dtype, undefined);
});

test("the same tensors give the same bytes in any order, and every tensor is aligned", () => {
  const a = ["a", { dtype: "U8", shape: [3], data: new Uint8Array([1, 2, 3]) }] as const;
  const b = ["b", { shape: [2], data: new Float32Array([1, 2]) }] as const;
  const c = ["c", { dtype: "F64", shape: [1], data: new Float64Array([1]) }] as const;
  const one = writeSafetensors(
    [a, b, c],
    [
      ["x", "1"],
      ["y", "2"],
    ],
  );
  assert.equal(
    one,
    writeSafetensors(
      [c, b, a],
      [
        ["y", "2"],
        ["x", "1"],
      ],
    ),
  );
  for (const { data } of readSafetensors(one).tensors.values()) assert.is((data as Uint8Array).buffer, one.buffer);
  assert.is(new DataView(one.buffer).getUint32(0, true) % 8, 0);
});

test("a file at an odd address is read", () => {
  const bytes = writeSafetensors([["w", { shape: [2], data: new Float32Array([5, 6]) }]]);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  assert.equal([...(readSafetensors(shifted.subarray(1)).tensors.get("w")!.data as Float32Array)], [5, 6]);
});

test("a header padded with spaces is read", () => assert.is(readSafetensors(file(`${good}   `)).tensors.size, 1));

test("16-bit floats widen exactly", () => {
  const half = toFloat32({ dtype: "F16", shape: [5], data: new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7c00, 0x7bff]) });
  assert.equal([...half], [1, -2, 2 ** -24, Infinity, 65504]);
  assert.equal([...toFloat32({ dtype: "BF16", shape: [2], data: new Uint16Array([0x3f80, 0xc040]) })], [1, -3]);
});

const bad: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["no bytes", new Uint8Array(0), /too short: 0 bytes, need 8/],
  ["seven bytes", new Uint8Array(7), /too short: 7 bytes/],
  [
    "a header length of 2^64 - 1",
    file("{}", 0, 2n ** 64n - 1n),
    /header length: 18446744073709551615 exceeds file size 10/,
  ],
  ["a header length of 2^53 + 1", file("{}", 0, 2n ** 53n + 1n), /header length: 9007199254740993 exceeds/],
  ["a header longer than the file", file("{}", 0, 3n), /header length: 3 exceeds file size 10/],
  ["cut JSON", file('{"w":', 0), /no complete JSON/],
  ["a header that is no object", file("[1]", 0), /instead of "\{"/],
  ["a byte order mark", file(`\ufeff${good}`), /instead of "\{"/],
  ["bytes that are not UTF-8", file(new Uint8Array([0x7b, 0xff, 0x7d]), 0), /not UTF-8/],
  ["deep nesting", file(`{"w":${"[".repeat(20000)}${"]".repeat(20000)}}`, 0), /nests deeper/],
  ["a name twice", file(`${good.slice(0, -1)},${good.slice(1)}`), /names "w" twice/],
  ["a name twice, once escaped", file(`${good.slice(0, -1)},"\\u0077":1}`), /names "w" twice/],
  ["a field twice", file('{"w":{"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]}}'), /names "shape" twice/],
  ["reversed offsets", file(entry({ data_offsets: [16, 0] })), /outside the 16 bytes/],
  ["an offset of 1e308", file(entry({ data_offsets: [0, 1e308] })), /two whole numbers/],
  ["a fractional offset", file(entry({ data_offsets: [0, 15.5] })), /two whole numbers/],
  ["three offsets", file(entry({ data_offsets: [0, 16, 16] })), /two whole numbers/],
  ["an end past the file", file(entry({ data_offsets: [0, 17] })), /outside the 16 bytes/],
  ["bytes after the last tensor", file(good, 20), /4 bytes follow the last tensor/],
  [
    "a hole before the first tensor",
    file(entry({ data_offsets: [4, 20] }), 20),
    /begins at byte 4 of the data where 0 was due/,
  ],
  [
    "overlapping tensors",
    file(
      JSON.stringify({
        a: { dtype: "U8", shape: [8], data_offsets: [0, 8] },
        b: { dtype: "U8", shape: [8], data_offsets: [4, 12] },
      }),
      12,
    ),
    /begins at byte 4/,
  ],
  [
    "a shape that does not fit",
    file(entry({ shape: [2, 3] })),
    /F32 \[2, 3\] needs 24 bytes, its data_offsets \[0, 16\] hold 16/,
  ],
  [
    "a shape whose product wraps to 0",
    file(entry({ shape: [2 ** 32, 2 ** 32], data_offsets: [0, 0] }), 0),
    /needs 73786976294838210000 bytes/,
  ],
  ["rank 100,000", file(entry({ shape: new Array(100_000).fill(1) })), /at most 32/],
  ["a negative size", file(entry({ shape: [-2, -2] })), /whole numbers/],
  ["an unknown type", file(entry({ dtype: "F12" })), /dtype "F12"; use one of BOOL/],
  ["a type that Object.prototype has", file(entry({ dtype: "constructor" })), /dtype "constructor"/],
  ["missing fields", file('{"w":{"dtype":"F32"}}', 0), /tensor "w": has no shape/],
  ["an unknown field", file(entry({ extra: 1 })), /unknown field "extra"/],
  ["metadata that is no string", file('{"__metadata__":{"n":1}}', 0), /__metadata__: "n" is 1/],
  ["a web page", new TextEncoder().encode("<!DOCTYPE html><html><body>404</body></html>"), /web page/],
  [
    "a Git LFS pointer",
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    /Git LFS pointer/,
  ],
];
for (const [what, bytes, message] of bad) {
  test(`${what}: refused in one sentence that names the file`, () => {
    const said = refusal(bytes);
    assert.match(said, message);
    assert.ok(said.startsWith("model.safetensors: "), said);
    assert.ok(said.length < 300, `the message has ${said.length} characters`);
  });
}

test("text of the file reaches no message raw", () => {
  const said = refusal(file(JSON.stringify({ "<b>\u001b[31m\u0085": 1 }), 0));
  assert.not.match(said, /[<>\u0000-\u001f\u007f-\u009f]/);
});

test("no cut of a good file and no flip of a header byte escapes as another kind of error", () => {
  const bytes = writeSafetensors([["w", { shape: [2], data: new Float32Array([5, 6]) }]], [["k", "v"]]);
  for (let n = 0; n < bytes.length; n++) assert.not.equal(refusal(bytes.subarray(0, n)), "accepted");
  for (let i = 0; i < bytes.length - 8; i++) {
    for (const flip of [1, 0x20, 0x80]) {
      const copy = bytes.slice();
      copy[i]! ^= flip;
      refusal(copy);
    }
  }
});

test("writing refuses data that does not fit its shape", () => {
  assert.throws(
    () => writeSafetensors([["w", { shape: [3], data: new Float32Array(2) }]]),
    /tensor "w": F32 \[3\] needs a Float32Array of 3, got a Float32Array of 2/,
  );
});

test("a Node Buffer at an odd alignment reads the same values", () => {
  const bytes = writeSafetensors([["x", { shape: [3], data: Float32Array.of(1, 2, 3) }]]);
  const buffer = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
  assert.equal([...readSafetensors(buffer).tensors.get("x")!.data], [1, 2, 3]);
});

test.run();
