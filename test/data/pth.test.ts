// Files that PyTorch wrote are read value by value; hostile and damaged ones are refused before anything large is made.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readFileSync } from "node:fs";
import { zipSync } from "fflate";
import { DataError } from "../../data/errors.ts";
import { readPth } from "../../data/weights/pth.ts";
import { toFloat32 } from "../../data/weights/safetensors.ts";
import { writePth } from "../../data/weights/pth-write.ts";
import { Zip } from "../../data/weights/zip.ts";
import { readShared, sharedPath, testWith } from "./shared-data.ts";

const test = suite("pth");
const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(`test/fixtures/pth/${name}`));
const expected = JSON.parse(readFileSync("test/fixtures/pth/tensors.json", "utf8")) as Record<
  string,
  [shape: number[], dtype: string, values: (number | string)[]]
>;
const refused = (b: Uint8Array, why: RegExp, key?: string): void =>
  assert.throws(
    () => readPth(b, "x.pth", key),
    (e: unknown) => e instanceof DataError && e.message.startsWith("x.pth: ") && why.test(e.message),
  );
const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const archive = (files: Record<string, Uint8Array>, level: 0 | 9 = 0): Uint8Array => zipSync(files, { level });

const names: Record<string, string> = {
  F32: "float32",
  F64: "float64",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  BOOL: "bool",
  U8: "uint8",
};

for (const format of ["zip", "legacy"]) {
  test(`every tensor of a ${format} file has PyTorch's shape, type and values: views, shared storages, halves`, () => {
    const { tensors, key } = readPth(fixture(`tensors-${format}.pth`));
    assert.is(key, "");
    assert.equal([...tensors.keys()], Object.keys(expected));
    for (const [name, [shape, dtype, values]] of Object.entries(expected)) {
      const t = tensors.get(name)!;
      assert.equal(t.shape, shape, name);
      assert.is(`torch.${names[t.dtype]}`, dtype, name);
      const got =
        t.dtype === "I64"
          ? Array.from(t.data as BigInt64Array, String)
          : Array.from(t.dtype === "F64" ? (t.data as Float64Array) : toFloat32(t), (v) =>
              v === Infinity ? "inf" : v,
            );
      assert.equal(got, values, name);
    }
  });
}

test("a checkpoint's state dict is found among epochs, optimizers and notes; another can be named", () => {
  const { tensors, key } = readPth(fixture("unet-checkpoint.pth"));
  assert.is(key, "state_dict");
  assert.equal(tensors.get("module.up1.conv.conv.0.weight")!.shape, [1, 2, 3, 3]);
  assert.is(tensors.get("module.inc.conv.conv.1.num_batches_tracked")!.data[0], 0n);
  refused(fixture("unet-checkpoint.pth"), /no dict of tensors under net: state_dict.*--key/, "net");
});

test("a deflated archive is read too, and one whose entries hold more than they declare is refused", () => {
  const zip = new Zip(fixture("tensors-zip.pth"), "x");
  const files = Object.fromEntries(zip.names.map((n) => [n, zip.read(n)]));
  const packed = archive(files, 9);
  assert.equal(
    readPth(packed).tensors.get("transposed")!.data,
    readPth(fixture("tensors-zip.pth")).tensors.get("transposed")!.data,
  );
  const bomb = archive({ ...files, "tensors-zip/data/0": new Uint8Array(16 * 2 ** 20) }, 9);
  const view = new DataView(bomb.buffer);
  for (let at = bomb.length - 22; at >= 0; at--) {
    // the directory's word on data/0: 144 bytes
    if (
      view.getUint32(at, true) === 0x02014b50 &&
      new TextDecoder().decode(bomb.subarray(at + 46, at + 46 + view.getUint16(at + 28, true))).endsWith("/data/0")
    )
      view.setUint32(at + 24, 144, true);
  }
  refused(bomb, /data\/0: holds more than the 144 bytes it declares/);
});

test("a global outside the list is refused by name in both formats", () => {
  refused(
    bytes("\x80\x02cbuiltins\nprint\n(X\x02\x00\x00\x00hitR."),
    /names builtins\.print, which is not on the list/,
  );
  refused(
    archive({ "a/data.pkl": bytes("\x80\x02cposix\nsystem\n(X\x04\x00\x00\x00truetR."), "a/version": bytes("3\n") }),
    /names posix\.system/,
  );
});

/** data.pkl of {"w": a float tensor of these sizes and strides over a storage of `count`}. */
const oneTensor = (count: number, offset: number, sizes: readonly number[], strides: readonly number[]): Uint8Array => {
  const int = (n: number): string =>
    `J${String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255)}`;
  const tuple = (ns: readonly number[]): string => `(${ns.map(int).join("")}t`;
  const text = (s: string): string => `X${String.fromCharCode(s.length)}\0\0\0${s}`;
  const storage = `(${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}${int(count)}tQ`;
  const view = `${int(offset)}${tuple(sizes)}${tuple(strides)}`;
  return bytes(`\x80\x02}${text("w")}ctorch._utils\n_rebuild_tensor_v2\n(${storage}${view}\x89NtRs.`);
};

test("sizes are held against the file before anything is made", () => {
  const data = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
  const file = (pkl: Uint8Array, extra: Record<string, Uint8Array> = {}): Uint8Array =>
    archive({ "a/data.pkl": pkl, "a/data/0": data, ...extra });
  assert.equal(readPth(file(oneTensor(4, 0, [2, 2], [1, 2]))).tensors.get("w"), {
    dtype: "F32",
    shape: [2, 2],
    data: Float32Array.of(1, 3, 2, 4),
  });
  refused(file(oneTensor(5, 0, [5], [1])), /storage 0: needs 20 bytes, the file holds 16/);
  refused(file(oneTensor(2 ** 30, 0, [2], [1])), /needs 4294967296 bytes, the file holds 16/);
  refused(file(oneTensor(4, 3, [2], [1])), /reaches element 4 of a storage of 4/);
  refused(file(oneTensor(4, 0, [2 ** 30, 2 ** 30, 2 ** 30], [0, 0, 0])), /tensor w/);
  refused(file(oneTensor(4, 0, [2 ** 30], [0])), /would unfold into 4294967296 bytes/);
  refused(file(oneTensor(4, -1, [2], [1])), /_rebuild_tensor_v2 is called for/);
  refused(file(oneTensor(4, 0, [2, 2], [1])), /_rebuild_tensor_v2 is called for/);
  refused(archive({ "a/data.pkl": oneTensor(4, 0, [2], [1]) }), /a\/data\/0: is missing/);
  refused(file(oneTensor(4, 0, [2], [1]), { "a/byteorder": bytes("big") }), /byteorder: is big-endian/);
  refused(file(oneTensor(4, 0, [2], [1]), { "a/constants.pkl": data }), /TorchScript/);
  refused(file(bytes("\x80\x02}.")), /no dict of tensors/);
});

test("what is no file of PyTorch is told apart", () => {
  refused(bytes("version https://git-lfs.github.com/spec/v1\noid"), /Git LFS pointer/);
  refused(bytes("<!DOCTYPE html><html>"), /web page/);
  refused(bytes(""), /begins like no file of PyTorch/);
  refused(bytes("\x80\x02K\x01."), /magic number/);
  refused(
    fixture("tensors-zip.pth").subarray(0, 1000),
    /end-of-central-directory record not found: file truncated \(1000 bytes\)/,
  );
  refused(fixture("tensors-legacy.pth").subarray(0, 2100), /storage/);
  const damaged = fixture("tensors-zip.pth");
  damaged[damaged.findIndex((_, i) => new DataView(damaged.buffer).getUint32(i, true) === 0x04034b50) + 200]! ^= 1;
  refused(damaged, /./);
});

test("what writePth writes is read back, types and sizes alike", () => {
  const { tensors } = readPth(fixture("tensors-zip.pth"));
  const again = readPth(writePth(tensors)).tensors;
  assert.equal([...again.keys()], [...tensors.keys()]);
  for (const [name, t] of tensors) assert.equal(again.get(name), t, name);
});

const BAD = "conformance/bad";
testWith(
  test,
  [`${BAD}/manifest.json`],
  "every hostile PyTorch file of the collection is refused at once, with its name",
  () => {
    const { files } = JSON.parse(new TextDecoder().decode(readShared(`${BAD}/manifest.json`))) as {
      files: { file: string; format: string; want: string }[];
    };
    const list = files.filter((f) => f.format === "pth");
    assert.ok(list.length >= 4);
    for (const { file, want } of list) {
      assert.is(want, "reject");
      const started = performance.now();
      assert.throws(
        () => readPth(readShared(`${BAD}/${file}`), sharedPath(file)),
        (e: unknown) => e instanceof DataError,
        file,
      );
      assert.ok(performance.now() - started < 2000, file);
    }
  },
);

test("truncations and seeded changes end in tensors or a DataError, without haste", () => {
  let state = 7;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (const name of ["tensors-zip.pth", "tensors-legacy.pth"]) {
    const good = fixture(name);
    for (let i = 0; i < 3000; i++) {
      const changed = i % 10 === 0 ? good.slice(0, next(good.length)) : good.slice();
      for (let k = next(4); k >= 0 && changed.length; k--) changed[next(changed.length)] = next(256);
      try {
        readPth(changed);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
      }
    }
  }
  assert.is(Object.keys(Object.prototype).length, 0);
});

test.run();
