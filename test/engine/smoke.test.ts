// One kernel from WGSL to bits, with nothing of the compiler: what fails here fails everywhere.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelOp } from "../../engine/op.ts";
import { defineKernel } from "../../kernels/kernel.ts";
import { environment } from "../helpers/environment.ts";
import { runOp } from "../helpers/run-op.ts";

const test = suite("smoke");

const source = `// y = x²/3 + c: one thread an element
struct Params { n : u32, c : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i < params.n) { y[i] = x[i] * x[i] / 3.0 + params.c; }
}`;
const kernel = defineKernel("smoke", { source, threads: (p) => Number(p.n) });

const op: KernelOp<{ c: number }> = {
  kind: "kernel",
  name: "smoke",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  lower: (l, { c }) => l.dispatch(kernel, { n: l.inputs[0].shape[0]!, c }, { x: l.input(0), y: l.output(0) }),
};

test("a kernel's values are right, and its bits the same in Node and in a page", async () => {
  const x = Float32Array.from({ length: 1000 }, (_, i) => Math.fround(i * 0.37 - 100));
  const y = (await runOp(op, { c: 0.25 }, [{ shape: [1000], data: x }]))[0]!;
  environment().record?.("x²/3 + c", y);
  for (let i = 0; i < x.length; i++) {
    const expected = (x[i]! * x[i]!) / 3 + 0.25;
    assert.ok(Math.abs(y[i]! - expected) <= 1e-6 * Math.abs(expected), `y[${i}] = ${y[i]}, not ${expected}`);
  }
});

test.run();
