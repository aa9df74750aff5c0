// A state dict as torch.save writes it since 1.6: a zip, stored, of one pickle (protocol 2) and the raw elements of
// each tensor.
import { zipSync } from "fflate";
import { DataError } from "../errors.ts";
import type { SafetensorsDType, TensorToWrite } from "./safetensors.ts";

const STORAGES: Readonly<Partial<Record<SafetensorsDType, string>>> = {
  F32: "FloatStorage",
  F64: "DoubleStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I64: "LongStorage",
  I32: "IntStorage",
  I16: "ShortStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
};

/**
 * The file's bytes, which `torch.load` reads with weights_only too. Throws DataError for an element type that old
 * PyTorch lacks.
 */
export function writePth(tensors: Iterable<readonly [string, TensorToWrite]>): Uint8Array<ArrayBuffer> {
  const pickle = new Pickle();
  const files: Record<string, Uint8Array> = {};
  pickle.opcode("\x80\x02ccollections\nOrderedDict\n)R(");
  let i = 0;
  for (const [name, { dtype = "F32", shape, data }] of tensors) {
    const storage = STORAGES[dtype];
    if (!storage)
      throw new DataError(
        "pth",
        `tensor ${name}`,
        `is ${dtype}, which has no storage in PyTorch`,
        "write it as safetensors",
      );
    pickle
      .text(name)
      .opcode("ctorch._utils\n_rebuild_tensor_v2\n((")
      .text("storage")
      .opcode(`ctorch\n${storage}\n`)
      .text(`${i}`)
      .text("cpu")
      .int(data.length)
      .opcode("tQ")
      .int(0);
    pickle
      .ints(shape)
      .ints(shape.map((_, d) => shape.slice(d + 1).reduce((n, m) => n * m, 1)))
      .opcode("\x89ccollections\nOrderedDict\n)RtR");
    files[`archive/data/${i++}`] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  pickle.opcode("u.");
  return zipSync(
    { "archive/data.pkl": pickle.finish(), ...files, "archive/version": new TextEncoder().encode("3\n") },
    { level: 0, mtime: "1980-01-01T00:00:00" },
  ) as Uint8Array<ArrayBuffer>;
}

class Pickle {
  readonly #bytes: number[] = [];
  opcode(ascii: string): this {
    for (let i = 0; i < ascii.length; i++) this.#bytes.push(ascii.charCodeAt(i));
    return this;
  }
  text(s: string): this {
    const utf8 = new TextEncoder().encode(s);
    return this.opcode("X").#u32(utf8.length).#all(utf8);
  }
  /** Sizes are below 2⁶³: short ones as a 32-bit integer, longer ones as eight bytes. */
  int(n: number): this {
    return n < 2 ** 31
      ? this.opcode("J").#u32(n)
      : this.opcode("\x8a\x08").#all(new Uint8Array(BigInt64Array.of(BigInt(n)).buffer));
  }
  ints(ns: readonly number[]): this {
    this.opcode("(");
    for (const n of ns) this.int(n);
    return this.opcode("t");
  }
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
  #u32(n: number): this {
    return this.#all([n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24]);
  }
  #all(bytes: Iterable<number>): this {
    for (const b of bytes) this.#bytes.push(b);
    return this;
  }
}
