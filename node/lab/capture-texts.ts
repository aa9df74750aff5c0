// The texts that run a captured dispatch by itself: what page and script share, and each of them.

/** Runs a capture on a device: reads its files by `read`, gives a row for each binding that is written. */
export const RUN_MODULE = `// Runs the captured dispatch; \`read(name)\` gives a file's bytes.
export async function run(gpu, read) {
  const text = async (name) => new TextDecoder().decode(await read(name));
  const capture = JSON.parse(await text("capture.json"));
  const code = await text("kernel.wgsl");
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("no WebGPU adapter");
  const missing = capture.features.filter((f) => !adapter.features.has(f));
  if (missing.length > 0) throw new Error("the adapter lacks " + missing.join(", "));
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: capture.features,
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  device.addEventListener("uncapturederror", ({ error }) => console.error(error.message));
  const module = device.createShaderModule({ code, label: capture.kernel });
  const { messages } = await module.getCompilationInfo();
  const wrong = messages.find((m) => m.type === "error");
  if (wrong) throw new Error("kernel.wgsl:" + wrong.lineNum + ":" + wrong.linePos + " " + wrong.message);
  const types = { uniform: "uniform", read: "read-only-storage", read_write: "storage" };
  const entries = capture.bindings.map(({ binding, access }) => ({ binding, visibility: 4, buffer: { type: types[access] } }));
  const layout = device.createBindGroupLayout({ entries });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module },
  });
  const buffers = [];
  for (const { access, file } of capture.bindings) {
    const bytes = await read(file);
    const usage = (access === "uniform" ? 0x40 : 0x80) | 0x8 | 0x4; // UNIFORM or STORAGE, COPY_DST, COPY_SRC
    const buffer = device.createBuffer({ size: Math.max(16, bytes.byteLength), usage, label: file });
    device.queue.writeBuffer(buffer, 0, bytes);
    buffers.push(buffer);
  }
  const bindGroup = device.createBindGroup({
    layout,
    entries: capture.bindings.map(({ binding }, i) => ({ binding, resource: { buffer: buffers[i] } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...capture.workgroups);
  pass.end();
  const rows = [];
  for (const [i, { name, scalar, expected }] of capture.bindings.entries()) {
    if (!expected) continue;
    const want = await read(expected);
    const staging = device.createBuffer({ size: want.byteLength, usage: 0x1 | 0x8 }); // MAP_READ, COPY_DST
    encoder.copyBufferToBuffer(buffers[i], 0, staging, 0, want.byteLength);
    rows.push({ name, scalar, want, staging });
  }
  device.queue.submit([encoder.finish()]);
  const found = [];
  for (const { name, scalar, want, staging } of rows) {
    await staging.mapAsync(1);
    const written = staging.getMappedRange().slice(0);
    const captured = want.buffer.slice(want.byteOffset, want.byteOffset + want.byteLength);
    found.push({ name, ...compare(numbers(written, scalar), numbers(captured, scalar)) });
  }
  device.destroy();
  return { capture, found };
}

function numbers(bytes, scalar) {
  if (scalar === "f32") return new Float32Array(bytes);
  if (scalar === "i32") return new Int32Array(bytes);
  if (scalar === "u32") return new Uint32Array(bytes);
  return Float32Array.from(new Uint16Array(bytes), (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  });
}

function compare(got, want) {
  let largest = 0;
  for (const v of want) if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
  const allowed = want instanceof Float32Array ? 1e-4 * largest : 0;
  let error = 0;
  let first;
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i])) continue;
    const off = Math.abs(got[i] - want[i]);
    if (off > error) error = off;
    if (first === undefined && !(off <= allowed)) first = { index: i, got: got[i], want: want[i] };
  }
  return { count: want.length, error, allowed, first };
}

export const told = ({ capture, found }) =>
  [
    capture.kernel + ", " + capture.label,
    ...found.map(
      ({ name, count, error, first }) =>
        name + ": " + count + " numbers, largest error " + error.toExponential(1) +
        (first ? "; WRONG first at [" + first.index + "]: got " + first.got + ", want " + first.want : "; ok"),
    ),
  ].join("\\n");
`;

export const NODE_SCRIPT = `// npm install && node run.mjs
import { readFile } from "node:fs/promises";
import { run, told } from "./run.js";

const dawn = "webgpu";
const { create, globals } = await import(dawn);
Object.assign(globalThis, globals);
const gpu = create(["enable-dawn-features=allow_unsafe_apis"]);
const result = await run(gpu, async (name) => new Uint8Array(await readFile(new URL(name, import.meta.url))));
process.stdout.write(told(result) + "\\n", () => process.exit(result.found.some((f) => f.first) ? 1 : 0));
`;

export const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>a captured dispatch</title>
<pre id="result">running …</pre>
<script type="module">
  import { run, told } from "./run.js";
  const result = document.getElementById("result");
  const read = async (name) => new Uint8Array(await (await fetch(name, { cache: "no-store" })).arrayBuffer());
  try {
    result.textContent = told(await run(navigator.gpu, read));
  } catch (error) {
    result.textContent = String(error);
  }
</script>
`;
