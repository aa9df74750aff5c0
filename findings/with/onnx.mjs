// A model of one ONNX node, written here as protobuf, and its results by onnxruntime-web on the CPU (WebAssembly).
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";
const TYPES = { float32: 1, int64: 7 };
const text = (s) => [...new TextEncoder().encode(s)];

function varint(n) {
  const bytes = [];
  for (; n > 127; n = Math.floor(n / 128)) {
    bytes.push((n % 128) + 128);
  }
  return [...bytes, n];
}

function field(number, value) {
  if (typeof value === "number") {
    return [...varint(number * 8), ...varint(value)];
  }
  const bytes = typeof value === "string" ? text(value) : value;
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

// Attributes: a text, a whole number, a list of whole numbers, or { float }.
function attribute([name, value]) {
  if (typeof value === "string") {
    return [...field(1, name), ...field(4, value), ...field(20, 3)];
  }
  if (typeof value === "number") {
    return [...field(1, name), ...field(3, value), ...field(20, 2)];
  }
  if (Array.isArray(value)) {
    return [...field(1, name), ...value.flatMap((v) => field(8, v)), ...field(20, 7)];
  }
  const bytes = new Uint8Array(new Float32Array([value.float]).buffer);
  return [...field(1, name), ...varint(2 * 8 + 5), ...bytes, ...field(20, 1)];
}

const info = (name, type) => [...field(1, name), ...field(2, field(1, field(1, type)))];

export const f32 = (values, dims = [values.length]) => new ort.Tensor("float32", Float32Array.from(values), dims);
export const i64 = (values) => new ort.Tensor("int64", BigInt64Array.from(values.map(BigInt)), [values.length]);

// The one output's values. An input that is left out is null.
export async function run(op, inputs, attributes = {}, { opset = 18, type = "float32" } = {}) {
  const node = [
    ...inputs.flatMap((input, i) => field(1, input ? `x${i}` : "")),
    ...field(2, "y"),
    ...field(4, op),
    ...Object.entries(attributes).flatMap((entry) => field(5, attribute(entry))),
  ];
  const graph = [
    ...field(1, node),
    ...field(2, "g"),
    ...inputs.flatMap((input, i) => (input ? field(11, info(`x${i}`, TYPES[input.type])) : [])),
    ...field(12, info("y", TYPES[type])),
  ];
  const model = new Uint8Array([...field(1, 8), ...field(8, field(2, opset)), ...field(7, graph)]);
  const session = await ort.InferenceSession.create(model);
  const feeds = Object.fromEntries(inputs.flatMap((input, i) => (input ? [[`x${i}`, input]] : [])));
  return [...(await session.run(feeds)).y.data].map(Number);
}
