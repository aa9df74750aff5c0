// What stands in a file of PyTorch beside plain tensors: older makers of tensors, flags of views, and objects of
// Python's, which are passed over without running anything.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { zipSync } from "fflate";
import { DataError } from "../../data/errors.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import { readPth } from "../../data/weights/pth.ts";
import { writeSafetensors } from "../../data/weights/safetensors.ts";

const test = suite("objects in pth");

// A pickle of protocol 2 from its parts, one character a byte.
const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (s: string): string => `X${String.fromCharCode(s.length)}\0\0\0${s}`;
const int = (n: number): string => `K${String.fromCharCode(n)}`;
const tuple = (...items: string[]): string => `(${items.join("")}t`;
const global = (name: string): string => {
  const dot = name.lastIndexOf(".");
  return `c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`;
};
const call = (name: string, ...args: string[]): string => `${global(name)}${tuple(...args)}R`;
const dict = (...pairs: (readonly [name: string, value: string])[]): string =>
  `}(${pairs.map(([name, value]) => text(name) + value).join("")}u`;
const FALSE = "\x89";
const TRUE = "\x88";
const HOOKS = call("collections.OrderedDict");
const storage = (type = "FloatStorage", key = "0", count = 4): string =>
  `${tuple(text("storage"), global(`torch.${type}`), text(key), text("cpu"), int(count))}Q`;
const view = (at = storage()): string[] => [at, int(0), tuple(int(4)), tuple(int(1))];
const tensor = call("torch._utils._rebuild_tensor_v2", ...view(), FALSE, HOOKS);

const values = Float32Array.of(1, -2, 0, 4.5);
const file = (object: string, data: ArrayBufferView<ArrayBuffer> = values): Uint8Array =>
  zipSync(
    {
      "a/data.pkl": bytes(`\x80\x02${object}.`),
      "a/data/0": new Uint8Array(data.buffer),
      "a/data/1": new Uint8Array(64),
    },
    { level: 0 },
  );
const dataOf = (b: Uint8Array, name = "w"): unknown => readPth(b, "x.pth").tensors.get(name)?.data;
const refused = (b: Uint8Array, why: RegExp, key?: string): void =>
  assert.throws(
    () => readPth(b, "x.pth", key),
    (e: unknown) => e instanceof DataError && why.test(e.message),
  );

test("every maker of plain tensors since 2017 gives the same tensor", () => {
  for (const made of [
    call("torch._utils._rebuild_tensor", ...view()),
    tensor,
    call("torch._utils._rebuild_tensor_v2", ...view(), FALSE, HOOKS, dict()),
    call("torch._utils._rebuild_tensor_v3", ...view(), FALSE, HOOKS, global("torch.float32")),
    call("torch._utils._rebuild_parameter", tensor, TRUE, HOOKS),
    call("torch._utils._rebuild_parameter_with_state", tensor, TRUE, HOOKS, dict(["note", int(1)])),
  ])
    assert.equal(dataOf(file(dict(["w", made]))), values);
});

test("a view that PyTorch negates lazily is read negated, in every type", () => {
  const negative = (type: string): string =>
    call("torch._utils._rebuild_tensor_v2", ...view(storage(type)), FALSE, HOOKS, dict(["neg", TRUE]));
  assert.equal(dataOf(file(dict(["w", negative("FloatStorage")]))), Float32Array.of(-1, 2, -0, -4.5));
  const half = Uint16Array.of(0x3c00, 0xbc00, 0, 0x7c00);
  assert.equal(
    dataOf(file(dict(["w", negative("HalfStorage")]), half)),
    Uint16Array.of(0xbc00, 0x3c00, 0x8000, 0xfc00),
  );
  assert.equal(
    dataOf(file(dict(["w", negative("LongStorage")]), BigInt64Array.of(1n, -2n, 0n, 7n))),
    BigInt64Array.of(-1n, 2n, 0n, -7n),
  );
  const byteType = call(
    "torch._utils._rebuild_tensor_v3",
    ...view(),
    FALSE,
    HOOKS,
    global("torch.float32"),
    dict(["neg", TRUE]),
  );
  assert.equal(dataOf(file(dict(["w", byteType]))), Float32Array.of(-1, 2, -0, -4.5));
});

test("the conjugate of real numbers is themselves; a flag that nobody knows is refused", () => {
  const flagged = (name: string, set: string): string =>
    dict(["w", call("torch._utils._rebuild_tensor_v2", ...view(), FALSE, HOOKS, dict([name, set]))]);
  assert.equal(dataOf(file(flagged("conj", TRUE))), values);
  assert.equal(dataOf(file(flagged("mirrored", FALSE))), values);
  refused(file(flagged("mirrored", TRUE)), /the flag mirrored, which may change values/);
});

const others: readonly (readonly [what: string, object: string])[] = [
  ["a numpy scalar", call("numpy.core.multiarray.scalar", call("numpy.dtype", text("f8"), FALSE, TRUE), text("abc"))],
  ["a Namespace", `${global("argparse.Namespace")})\x81${dict(["lr", int(1)])}b`],
  ["a set", call("__builtin__.set", `](${int(1)}${int(2)}e`)],
  ["a device", call("torch.device", text("cuda"), int(0))],
  ["an instance that is a list and a dict", `${global("box.Box")})\x81(${int(1)}e(${text("a")}${int(2)}u${dict()}b`],
  ["an instance by keywords", `${global("a.B")})${dict(["x", int(1)])}\x92`],
  [
    "a complex tensor",
    call("torch._utils._rebuild_tensor_v2", ...view(storage("ComplexFloatStorage", "1")), FALSE, HOOKS),
  ],
  ["a quantized tensor", call("torch._utils._rebuild_qtensor", ...view(storage("QUInt8Storage", "1")), tuple())],
  [
    "a tensor of a class of its own",
    call("torch._tensor._rebuild_from_type_v2", tensor, global("a.T"), tuple(), dict()),
  ],
];
for (const [what, object] of others) {
  test(`${what} beside the state dict does not keep it from being read`, () => {
    const checkpoint = file(dict(["epoch", int(3)], ["other", object], ["state_dict", dict(["w", tensor])]));
    for (const key of ["state_dict", undefined]) {
      const { tensors, key: found } = readPth(checkpoint, "x.pth", key);
      assert.is(found, "state_dict");
      assert.equal([...tensors.keys()], ["w"]);
      assert.equal(tensors.get("w")!.data, values);
    }
  });
}

test("names that were passed over are told", () => {
  const { unread } = readPth(file(dict(["args", call("torch.device", text("cpu"))], ["w", tensor])));
  assert.equal(unread, ["torch.device"]);
});

test("a file whose only content is what is not read is refused by that name", () => {
  refused(file(call("posix.system", text("true"))), /names posix\.system, which is not on the list.*nothing was run/);
  refused(file(dict(["model", `${global("nets.UNet")})\x81${dict(["w", tensor])}b`])), /names nets\.UNet/);
  refused(file(dict(["opt", call("a.b")], ["w", tensor])), /no dict of tensors under opt/, "opt");
});

test("a tensor of a kind that is not read is not missed in silence", () => {
  for (const [maker, made] of [
    ["torch._utils._rebuild_sparse_tensor", call("torch._utils._rebuild_sparse_tensor", int(1), tuple())],
    ["torch.ComplexFloatStorage", others[6]![1]],
    ["torch.BitStorage", call("torch._utils._rebuild_tensor_v2", ...view(storage("BitStorage")), FALSE, HOOKS)],
  ] as const)
    refused(
      file(dict(["v", made], ["w", tensor])),
      new RegExp(`tensor v: is made by ${maker.replaceAll(".", "\\.")}, which is not read`),
    );
});

test("a safetensors file is told from a pickle whatever the length of its header", () => {
  const lowBytes = new Set<number>();
  for (let n = 0; n < 256; n += 1) {
    const written = writeSafetensors([[`w${"x".repeat(n)}`, { shape: [1], data: Float32Array.of(2) }]]);
    lowBytes.add(written[0]!);
    // Any name: the bytes alone must tell.
    const { tensors } = readWeightFile(written, "weights.pth");
    assert.equal([...tensors.values()][0]?.data, Float32Array.of(2), `low byte ${written[0]}`);
  }
  assert.ok(lowBytes.has(0x80));
  // The first two bytes as a pickle of protocol 2 and as a zip have them.
  for (const first of [0x280, 0x04034b50 % 2 ** 16]) {
    const header = `{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`.padEnd(first, " ");
    const written = new Uint8Array(8 + first + 4);
    new DataView(written.buffer).setUint32(0, first, true);
    written.set(bytes(header), 8);
    assert.equal([...readWeightFile(written, "x").tensors.keys()], ["w"]);
    assert.throws(() => readWeightFile(written.subarray(0, 60), "x.pth"), /x\.pth: header/);
  }
});

test.run();
