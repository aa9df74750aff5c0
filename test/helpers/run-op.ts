// Runs one kernel, or the kernels that one op lowers to, straight on a GPUDevice: no compiler in between.
import { type Consts, type Kernel, type Params, type Traits, packParams, specialize } from "../../kernels/kernel.ts";
import { type DType, type TypedArray, bytesPerElement, decode, encode } from "../../engine/dtype.ts";
import type { Attrs, KernelOp, Lowering, MemoryHandle, OpInputs, Spec } from "../../engine/op.ts";
import { storageAliases } from "../../engine/wgsl/dispatch.ts";
import { sizeOf } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { input } from "../../engine/constant.ts";
import { environment } from "./environment.ts";

let shared: Promise<{ device: GPUDevice; adapter: GPUAdapter }> | undefined;
const errors: string[] = [];

/** One raw device for all kernel tests of this process. */
export function rawDevice(): Promise<{ device: GPUDevice; adapter: GPUAdapter }> {
  shared ??= openRaw();
  return shared;
}

async function openRaw(): Promise<{ device: GPUDevice; adapter: GPUAdapter }> {
  const { gpu } = await environment().gpu();
  const adapter = (await gpu.requestAdapter())!;
  const wanted: GPUFeatureName[] = ["timestamp-query", "shader-f16", "subgroups"];
  const device = await adapter.requestDevice({ requiredFeatures: wanted.filter((f) => adapter.features.has(f)) });
  device.addEventListener("uncapturederror", (e) => errors.push((e as GPUUncapturedErrorEvent).error.message));
  return { device, adapter };
}

const pipelines = new Map<string, GPUComputePipeline>();

/** Workgroup counts of a dispatch, folded into y where x alone would pass 65,535. */
export function workgroupsOf(kernel: Kernel, params: Params, consts: Consts): [number, number, number] {
  if (kernel.workgroups) return [...kernel.workgroups(params, consts)];
  const groups = Math.max(1, Math.ceil(kernel.threads!(params, consts) / 64));
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y, 1];
}

export const defaultConsts = (kernel: Kernel, params: Params, traits: Traits, consts?: Consts): Consts => ({
  ...Object.fromEntries(Object.entries(kernel.tunables ?? {}).map(([name, values]) => [name, values[0]])),
  ...kernel.consts?.(params, traits),
  ...consts,
});

/**
 * Encodes one dispatch with buffers by binding name; also what a bench may time. `aliases`: storage types that are
 * not f32.
 */
export function encodeKernel(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  kernel: Kernel,
  params: Params,
  consts: Consts,
  buffers: Readonly<Record<string, GPUBufferBinding>>,
  aliases: Readonly<Record<string, string>> = {},
): void {
  const text = specialize(kernel.source, { consts, aliases });
  const code = /\bf16\b/.test(text.replace(/\/\/.*$/gm, "")) ? `enable f16;\n${text}` : text;
  let pipeline = pipelines.get(code);
  if (!pipeline) {
    const layout = device.createBindGroupLayout({
      entries: kernel.bindings.map((b) => ({
        binding: b.index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: b.access === "uniform" ? "uniform" : b.access === "read" ? "read-only-storage" : "storage" },
      })),
    });
    pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code, label: kernel.name }) },
    });
    pipelines.set(code, pipeline);
  }
  const uniform = device.createBuffer({ size: 256, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(uniform, 0, packParams(kernel, params));
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: kernel.bindings.map((b) => {
        const resource = b.access === "uniform" ? { buffer: uniform } : buffers[b.name];
        if (!resource) throw new Error(`kernel ${kernel.name}: no buffer is given for binding ${b.name}`);
        return { binding: b.index, resource };
      }),
    }),
  );
  pass.dispatchWorkgroups(...workgroupsOf(kernel, params, consts));
}

/** Whether a device has the subgroups that these traits speak of. */
export const runsOn = (device: GPUDevice, { subgroups, lanes = 0 }: Partial<Traits>): boolean =>
  !subgroups || (device.features.has("subgroups") && (device.adapterInfo.subgroupMinSize ?? 0) >= lanes);

/** A run of bytes of a buffer. */
interface Slot extends MemoryHandle {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly dtype?: DType;
}

/**
 * Outputs of a kernel op for given inputs (row-major values). `traits` overrides what the device is. Throws on any
 * GPU error.
 */
export async function runOp<A extends Attrs>(
  op: KernelOp<A, OpInputs>,
  attrs: A,
  inputs: readonly { shape: readonly number[]; data: ArrayLike<number>; dtype?: Spec["dtype"] }[],
  override: Partial<Traits> = {},
): Promise<TypedArray[]> {
  const { device } = await rawDevice();
  const bindingBytes = device.limits.maxStorageBufferBindingSize;
  const traits: Traits = { cpu: true, f16: false, subgroups: false, ...override };
  const tensors: Tensor[] = inputs.map((x, i) => input(`x${i}`, x.shape, x.dtype ?? "f32"));
  const outputs = op.infer(tensors, attrs) as [Spec, ...Spec[]];
  const buffer = (bytes: number): GPUBuffer =>
    device.createBuffer({
      size: Math.max(16, Math.ceil(bytes / 16) * 16),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
  const made: GPUBuffer[] = [];
  const slot = (bytes: number, dtype?: DType): Slot => {
    const b = buffer(bytes);
    // Poison: a kernel that reads what it did not write is found out.
    device.queue.writeBuffer(b, 0, new Uint32Array(b.size / 4).fill(0x7fc12345));
    made.push(b);
    return { bytes, buffer: b, dtype, offset: 0 };
  };
  const ins = tensors.map((t, i) => {
    const s = slot(t.bytes, t.dtype);
    device.queue.writeBuffer(s.buffer, 0, encode(t.dtype, inputs[i].data));
    return s;
  });
  const outs = outputs.map((o) => slot(sizeOf(o.shape) * bytesPerElement(o.dtype), o.dtype));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  const dispatch: Lowering["dispatch"] = (kernel, params, slots, consts) => {
    const given = slots as Readonly<Record<string, Slot>>;
    const buffers = Object.fromEntries(
      Object.entries(given).map(([n, { buffer, offset, bytes }]) => [
        n,
        { buffer, offset, size: Math.max(16, Math.ceil(bytes / 16) * 16) },
      ]),
    );
    encodeKernel(
      device,
      pass,
      kernel,
      params,
      defaultConsts(kernel, params, traits, consts),
      buffers,
      storageAliases(kernel, (n) => given[n].dtype),
    );
  };
  op.lower(
    {
      traits,
      inputs: tensors,
      outputs,
      input: (i) => ins[i],
      output: (i) => outs[i],
      scratch: slot,
      select: (kernels, params) => {
        const found = kernels.find((k) => !k.fits || k.fits(params, traits));
        if (!found) throw new Error(`${op.name}: no kernel fits`);
        return found;
      },
      room: (dtype) => ({ most: bindingBytes / bytesPerElement(dtype), align: 256 / bytesPerElement(dtype) }),
      part: (memory, { first, count }): Slot => {
        const whole = memory as Slot;
        const each = bytesPerElement(whole.dtype ?? "f32");
        return { ...whole, offset: whole.offset + first * each, bytes: count * each };
      },
      dispatch,
      dispatchItems: (kernel, params, items, whole) => dispatch(kernel, params, { ...items, ...whole }),
    },
    attrs,
  );
  pass.end();
  const results = outs.map((o) => {
    const read = device.createBuffer({ size: o.buffer.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    encoder.copyBufferToBuffer(o.buffer, 0, read, 0, o.buffer.size);
    return read;
  });
  device.queue.submit([encoder.finish()]);
  const values: TypedArray[] = [];
  for (const [i, read] of results.entries()) {
    await read.mapAsync(GPUMapMode.READ);
    const n = sizeOf(outputs[i].shape);
    values.push(decode(outputs[i].dtype, read.getMappedRange().slice(0), n));
    read.destroy();
  }
  for (const b of made) b.destroy();
  if (errors.length) throw new Error(errors.splice(0).join("\n"));
  return values;
}
