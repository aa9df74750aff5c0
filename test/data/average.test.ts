// The weighted mean of sites' weights against plain sums in f64, and what is refused.
import { execFileSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { type SiteWeights, averageWeights } from "../../data/weights/average.ts";
import {
  type SafetensorsTensor,
  readSafetensors,
  toFloat32,
  writeSafetensors,
} from "../../data/weights/safetensors.ts";
import { noise } from "../helpers/device.ts";

const test = suite("average of weights");

const f32 = (shape: readonly number[], seed: number): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  data: Float32Array.from(
    noise(
      shape.reduce((n, d) => n * d, 1),
      seed,
    ),
  ),
});
const count = (n: bigint): SafetensorsTensor => ({ dtype: "I64", shape: [], data: BigInt64Array.of(n) });
const site = (
  file: string,
  tensors: Record<string, SafetensorsTensor>,
  weight = 1,
  metadata: Record<string, string> = {},
): SiteWeights => ({
  file,
  tensors: new Map(Object.entries(tensors)),
  weight,
  metadata: new Map(Object.entries(metadata)),
});
const refused = (sites: readonly [SiteWeights, ...SiteWeights[]], message: RegExp): void =>
  assert.throws(
    () => averageWeights(sites),
    (e: unknown) => e instanceof DataError && message.test(e.message),
  );

test("three sites of 120, 80 and 1 cases: each value is the weighted mean in f64, rounded once", () => {
  const shape = [3, 5, 7];
  const weights = [120, 80, 1];
  const sites = weights.map((weight, i) => site(`${i}`, { w: f32(shape, i), running_var: f32([4], 10 + i) }, weight));
  const [a, b, c] = sites as [SiteWeights, SiteWeights, SiteWeights];
  const { tensors } = averageWeights([a, b, c]);
  assert.equal([...tensors.keys()], ["w", "running_var"]);
  for (const [name, { dtype, shape: found, data }] of tensors) {
    assert.is(dtype, "F32");
    assert.equal(found, a.tensors.get(name)!.shape);
    const values = sites.map(({ tensors }) => tensors.get(name)!.data as Float32Array);
    const want = [...values[0]!.keys()].map((i) =>
      Math.fround(values.reduce((n, x, k) => n + weights[k]! * x[i]!, 0) / 201),
    );
    assert.equal([...(data as Float32Array)], want, name);
  }
});

test("equal weights of all sites stay as they are, bit for bit, whatever the shares", () => {
  const w = f32([1000], 4);
  const { tensors } = averageWeights([site("a", { w }, 0.1), site("b", { w }, 0.7), site("c", { w }, 3)]);
  assert.equal(tensors.get("w")!.data, w.data);
});

test("16 bits are rounded once, to even: every mean is the nearest of all finite floats of the type", () => {
  for (const dtype of ["F16", "BF16"] as const) {
    const infinity = dtype === "F16" ? 0x7c00 : 0x7f80;
    const of = (data: Uint16Array<ArrayBuffer>): SafetensorsTensor => ({ dtype, shape: [data.length], data });
    const every = toFloat32(of(Uint16Array.from({ length: infinity }, (_, bits) => bits)));
    const bits = (seed: number): Uint16Array<ArrayBuffer> =>
      Uint16Array.from(noise(4000, seed), (x, i) =>
        i < 64 ? (i % 8) + 0x8000 * (seed % 2) : Math.abs(Math.floor(x * 1e6)) % infinity,
      );
    const [a, b] = [of(bits(1)), of(bits(2))];
    const mean = averageWeights([site("a", { w: a }, 3), site("b", { w: b }, 1)]).tensors.get("w")!;
    const found = mean.data as Uint16Array;
    const [x, y, z] = [toFloat32(a), toFloat32(b), toFloat32(mean)];
    for (const [i, got] of z.entries()) {
      const want = (3 * x[i]! + y[i]!) / 4;
      const at = found[i]! & 0x7fff;
      const distance = Math.abs(Math.abs(want) - Math.abs(got));
      for (const other of [at - 1, at + 1]) {
        if (other < 0 || other >= infinity) continue;
        const apart = Math.abs(Math.abs(want) - every[other]!);
        assert.ok(apart > distance || (apart === distance && at % 2 === 0), `${dtype}: ${want} became ${got}`);
      }
      assert.ok(Math.sign(got) === Math.sign(want) || got === 0, `${want} became ${got}`);
    }
  }
});

test("whole numbers: equal ones stay, of counts of batches the largest, others are refused", () => {
  const index: SafetensorsTensor = { dtype: "I32", shape: [2], data: Int32Array.of(3, 1) };
  const a = site("a", { index, "bn.num_batches_tracked": count(7n) });
  const b = site("b", { index, "bn.num_batches_tracked": count(9n) });
  const { tensors } = averageWeights([a, b]);
  assert.equal(tensors.get("index"), index);
  assert.equal(tensors.get("bn.num_batches_tracked"), count(9n));
  const other = site("b", { index: { ...index, data: Int32Array.of(3, 2) }, "bn.num_batches_tracked": count(9n) });
  refused([a, other], /^b: tensor index: holds other whole numbers than in a, and I32 has no mean/);
});

test("sites that differ are refused, with file, tensor and both shapes", () => {
  const a = site("a.safetensors", { w: f32([2, 3], 1), v: f32([1], 2) });
  const b = (tensors: Record<string, SafetensorsTensor>): SiteWeights => site("b.safetensors", tensors);
  const v = f32([1], 2);
  refused(
    [a, b({ w: f32([3, 2], 1), v })],
    /^b.safetensors: tensor w: is F32 \[3, 2\], in a.safetensors .*F32 \[2, 3\]/,
  );
  const half: SafetensorsTensor = { dtype: "F16", shape: [2, 3], data: new Uint16Array(6) };
  refused([a, b({ w: half, v })], /tensor w: is F16 \[2, 3\], in a.safetensors it is F32 \[2, 3\]/);
  refused([a, b({ v })], /^b.safetensors: tensor w: is missing, a.safetensors has it/);
  refused([a, b({ w: f32([2, 3], 1), v, u: v })], /^a.safetensors: tensor u: is missing, b.safetensors has it/);
  const broken = f32([2, 3], 1);
  (broken.data as Float32Array)[4] = Number.NaN;
  refused(
    [a, b({ w: broken, v })],
    /^b.safetensors: tensor w: has 1 values of 6 that are not finite; leave this site out/,
  );
});

test("metadata stay where all sites have the same, and the file is read again as it was", () => {
  const a = site("a", { w: f32([2], 1) }, 1, { format: "pt", by: "a" });
  const b = site("b", { w: f32([2], 2) }, 1, { format: "pt", by: "b" });
  const { tensors, metadata } = averageWeights([a, b]);
  assert.equal([...metadata], [["format", "pt"]]);
  const read = readSafetensors(writeSafetensors(tensors, metadata));
  assert.equal(read.tensors.get("w")!.data, tensors.get("w")!.data);
  assert.equal(read.metadata, metadata);
});

const reader =
  "import sys, json, safetensors; " +
  "t = safetensors.deserialize(sys.stdin.buffer.read()); " +
  "print(json.dumps([[n, v['dtype'], v['shape'], bytes(v['data']).hex()] for n, v in sorted(t)]))";
const python = ["python3", "/usr/bin/python3"].find((command) => {
  try {
    execFileSync(command, ["-c", "import safetensors"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

(python ? test : test.skip)("Python's safetensors reads the same tensors (needs pip's safetensors)", () => {
  const [a, b] = [site("a", { n: count(7n), w: f32([2, 3], 1) }), site("b", { n: count(7n), w: f32([2, 3], 2) })];
  const { tensors } = averageWeights([a, b]);
  const input = writeSafetensors(tensors, [["format", "pt"]]);
  const found: unknown = JSON.parse(execFileSync(python!, ["-c", reader], { input }).toString());
  const want = [...tensors].map(([name, { dtype, shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return [name, dtype, shape, Buffer.from(bytes).toString("hex")];
  });
  assert.equal(found, want);
});

test.run();
