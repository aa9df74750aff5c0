// A device with tensor cores, as Dawn's null back end plays it: it compiles and counts, and computes nothing.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create, globals } from "webgpu";
import {
  Device,
  Variable,
  autocast,
  bringTensorCores,
  conv2d,
  grad,
  matmul,
  mean,
  mul,
  relu,
  reshape,
} from "../engine/index.ts";
import { MATRIX_FEATURE } from "../engine/tensor-cores.ts";
import type { Traits } from "../kernels/kernel.ts";

const test = suite("tensor cores");
Object.assign(globalThis, globals);
bringTensorCores();
const nullGpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);

const matrix: Traits["matrix"] = { f16: { m: 16, n: 16, k: 16 }, lanes: [32, 32] };
const traits: Partial<Traits> = { cpu: false, matrix };

/** Names of the kernels of a step: a convolution, a product and their gradients. */
async function kernelsOf(d: Device, dtype: "f16" | "f32"): Promise<Set<string>> {
  const variable = (name: string, shape: number[]) =>
    new Variable(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)), { name });
  const x = variable("x", [2, 16, 16, 32]);
  const w = variable("w", [3, 3, 32, 64]);
  const b = variable("b", [64]);
  const v = variable("v", [64, 32]);
  using step = await d.compile(() => {
    const loss = mean(
      mul(
        ...autocast(dtype, () => {
          const y = relu(conv2d(x.value, w.value, { bias: b.value, pad: 1 }));
          const z = matmul(reshape(y, [512, 64]), v.value);
          return [z, z] as const;
        }),
      ),
    );
    const [dx, dw, dv] = grad(loss, [x.value, w.value, v.value]);
    return { loss, dx, dw, dv };
  });
  return new Set(step.explain().dispatches.map((e) => e.kernel));
}

test("the device is opened with the feature; autocast's convolutions and products run on it, those in f32 do not", async () => {
  using d = await Device.open((await nullGpu.requestAdapter())!, { traits });
  assert.ok(d.gpu.device.features.has(MATRIX_FEATURE));
  const half = await kernelsOf(d, "f16");
  const single = await kernelsOf(d, "f32");
  for (const name of ["conv2d", "conv2d-input-grad", "conv2d-weight-grad", "matmul"]) {
    assert.ok(half.has(`${name}-subgroup-matrix-f16`), `${name} is not among ${[...half].join(", ")}`);
  }
  assert.equal(
    [...single].filter((name) => name.includes("subgroup-matrix")),
    [],
  );
});

test("an adapter that reports no sizes, or lacks the feature, opens as any other", async () => {
  using d = await Device.open((await nullGpu.requestAdapter())!);
  assert.is(d.gpu.traits.matrix, undefined);
  const plain = create(["backend=null"]);
  using e = await Device.open((await plain.requestAdapter())!);
  assert.not.ok(e.gpu.device.features.has(MATRIX_FEATURE));
  assert.not.ok([...(await kernelsOf(e, "f32"))].some((name) => name.includes("subgroup-matrix")));
});

test("where the driver refuses a device with the feature, one without it is opened", async () => {
  const adapter = (await nullGpu.requestAdapter())!;
  const request = adapter.requestDevice.bind(adapter);
  const refusing = (d: GPUDeviceDescriptor): Promise<GPUDevice> =>
    [...d.requiredFeatures!].includes(MATRIX_FEATURE as GPUFeatureName) ? Promise.reject(new Error("no")) : request(d);
  Object.defineProperty(adapter, "requestDevice", { value: refusing });
  using d = await Device.open(adapter);
  assert.not.ok(d.gpu.device.features.has(MATRIX_FEATURE));
});

/** What an NVIDIA card says of itself. */
const info = {
  vendor: "nvidia",
  architecture: "",
  device: "",
  description: "",
  isFallbackAdapter: false,
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
  subgroupMatrixConfigs: [{ componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 }],
};

test("what the adapter reports is what the device believes", async () => {
  const adapter = (await nullGpu.requestAdapter())!;
  Object.defineProperty(adapter, "info", { value: info });
  using d = await Device.open(adapter);
  assert.equal(d.gpu.traits.matrix, { f32: undefined, ...matrix });
});

test("where the compiler has another dialect of the feature, it is left alone, and nothing is reported as an error", async () => {
  const adapter = (await nullGpu.requestAdapter())!;
  const device = await adapter.requestDevice({
    requiredFeatures: ["shader-f16", "subgroups", MATRIX_FEATURE] as GPUFeatureName[],
  });
  Object.defineProperty(device, "adapterInfo", { value: info });
  using d = await Device.open(device);
  assert.equal(d.gpu.traits.matrix, { f32: undefined, ...matrix });
  const create = device.createShaderModule.bind(device);
  Object.defineProperty(device, "createShaderModule", {
    value: ({ code }: GPUShaderModuleDescriptor) => create({ code: code.replaceAll("row_major", "by_rows") }),
  });
  using e = await Device.open(device);
  assert.is(e.gpu.traits.matrix, undefined);
  e.gpu.check();
  device.destroy();
});

test.run();
