// An ONNX model as plain objects, and its file: protocol buffers, written field by field (numbers as in onnx.proto).
import type { DType } from "../../engine/index.ts";

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers, lists of them, strings; a float as { float }. */
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}
export interface OnnxTensor {
  readonly name: string;
  readonly type: DType | "i64";
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
export interface OnnxValue {
  readonly name: string;
  readonly type: DType;
  /** A name stands for a size that is free. */
  readonly shape: readonly (number | string)[];
}
export interface OnnxModel {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

const ELEMENT_TYPES: Readonly<Record<OnnxTensor["type"], number>> = {
  f32: 1,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  u32: 12,
};
const IR_VERSION = 8;

/** A message of protocol buffers in the making: pieces and their length. */
class Message {
  readonly pieces: Uint8Array[] = [];
  length = 0;

  number(field: number, value: number | bigint): this {
    return this.#varint(field << 3).#varint(value);
  }
  float(field: number, value: number): this {
    return this.#varint((field << 3) | 5).#add(new Uint8Array(Float32Array.of(value).buffer));
  }
  bytes(field: number, bytes: Uint8Array): this {
    return this.#varint((field << 3) | 2)
      .#varint(bytes.length)
      .#add(bytes);
  }
  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }
  message(field: number, m: Message): this {
    this.#varint((field << 3) | 2).#varint(m.length);
    for (const p of m.pieces) this.#add(p);
    return this;
  }
  all<T>(items: readonly T[], put: (m: this, item: T) => unknown): this {
    for (const item of items) put(this, item);
    return this;
  }
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
  #add(piece: Uint8Array): this {
    this.pieces.push(piece);
    this.length += piece.length;
    return this;
  }
  #varint(value: number | bigint): this {
    let rest = BigInt.asUintN(64, BigInt(value));
    const out: number[] = [];
    do {
      out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
      rest >>= 7n;
    } while (rest);
    return this.#add(Uint8Array.from(out));
  }
}

/** The model's bytes. Throws RangeError past the 2 GiB that protocol buffers can hold. */
export function writeOnnx(
  model: OnnxModel,
  producer: { name: string; version: string } = { name: "cmedl", version: "" },
): Uint8Array<ArrayBuffer> {
  const graph = new Message()
    .all(model.nodes, (m, n) => m.message(1, nodeMessage(n, `${n.op}:${n.outputs[0]}`)))
    .text(2, model.name)
    .all(model.initializers, (m, t) => m.message(5, tensorMessage(t)))
    .all(model.inputs, (m, v) => m.message(11, valueMessage(v)))
    .all(model.outputs, (m, v) => m.message(12, valueMessage(v)));
  const file = new Message()
    .number(1, IR_VERSION)
    .text(2, producer.name)
    .text(3, producer.version)
    .message(7, graph)
    .message(8, new Message().text(1, "").number(2, model.opset));
  if (file.length >= 2 ** 31)
    throw new RangeError(
      `the model takes ${file.length} bytes, and an ONNX file holds at most 2 GiB; export a smaller network`,
    );
  return file.finish();
}

function nodeMessage({ op, inputs, outputs, attributes }: OnnxNode, name: string): Message {
  return new Message()
    .all(inputs, (m, i) => m.text(1, i))
    .all(outputs, (m, o) => m.text(2, o))
    .text(3, name)
    .text(4, op)
    .all(Object.entries(attributes), (m, [key, value]) => m.message(5, attributeMessage(key, value)));
}

function attributeMessage(name: string, value: OnnxAttribute): Message {
  const m = new Message().text(1, name);
  if (typeof value === "number") return m.number(3, value).number(20, 2);
  if (typeof value === "string") return m.text(4, value).number(20, 3);
  if ("float" in value) return m.float(2, value.float).number(20, 1);
  return m.all(value, (n, v) => n.number(8, v)).number(20, 7);
}

/** Numbers as `raw_data` holds them, by element type; half precision is not written. */
const RAW_DATA: Readonly<Partial<Record<OnnxTensor["type"], (data: OnnxTensor["data"]) => ArrayBufferView>>> = {
  f32: (data) => Float32Array.from(data),
  i32: (data) => Int32Array.from(data),
  u32: (data) => Uint32Array.from(data),
  i64: (data) => BigInt64Array.from(Array.from(data, BigInt)),
  bool: (data) => Uint8Array.from(data, Number),
};

function tensorMessage({ name, type, shape, data }: OnnxTensor): Message {
  const encode = RAW_DATA[type];
  if (!encode) throw new RangeError(`initializer ${name} is ${type}, which is not written; cast it to f32`);
  const raw = encode(data);
  return new Message()
    .all(shape, (m, d) => m.number(1, d))
    .number(2, ELEMENT_TYPES[type])
    .text(8, name)
    .bytes(9, new Uint8Array(raw.buffer));
}

function valueMessage({ name, type, shape }: OnnxValue): Message {
  const dims = new Message().all(shape, (m, d) =>
    m.message(1, typeof d === "number" ? new Message().number(1, d) : new Message().text(2, d)),
  );
  return new Message()
    .text(1, name)
    .message(2, new Message().message(1, new Message().number(1, ELEMENT_TYPES[type]).message(2, dims)));
}
