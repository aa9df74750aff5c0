// Element types. A bool is stored as a u32 of 0 or 1: WGSL has no storable bool. Half precision is storage only:
// arithmetic is f32 (docs/numerics.md, "Half precision", has the rules).

export type DType = "f32" | "f16" | "i32" | "u32" | "bool";
export const DTYPES: readonly DType[] = ["f32", "f16", "i32", "u32", "bool"];
export type TypedArray = Float32Array | Int32Array | Uint32Array;

/** Copies and writes of buffers are of whole words. */
export const wholeWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;

export const bytesPerElement = (dtype: DType): number => (dtype === "f16" ? 2 : 4);
/** Whether a dtype is f32 or f16. */
export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16";

/** The dtype of what is made of values of these dtypes: f16 beside f32 gives f32, others don't mix (undefined). */
export const promote = (a: DType, b: DType): DType | undefined =>
  a === b ? a : isFloat(a) && isFloat(b) ? "f32" : undefined;

/** WGSL type of a stored element. */
export const wgslType = (dtype: DType): string => (dtype === "bool" ? "u32" : dtype);

/** Numbers as the GPU stores them, padded to a multiple of 4 bytes. */
export function encode(dtype: DType, data: ArrayLike<number>): ArrayBuffer {
  const bytes = new ArrayBuffer(wholeWords(data.length * bytesPerElement(dtype)));
  switch (dtype) {
    case "f16": {
      const halves = new Uint16Array(bytes);
      for (let i = 0; i < data.length; i++) halves[i] = toHalf(data[i]!);
      break;
    }
    case "f32":
      new Float32Array(bytes).set(data);
      break;
    case "i32":
      new Int32Array(bytes).set(data);
      break;
    default:
      new Uint32Array(bytes).set(data);
  }
  return bytes;
}

/** The first `size` numbers of what the GPU stored; half precision comes as f32. */
export function decode(dtype: DType, bytes: ArrayBuffer, size: number): TypedArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(bytes, 0, size);
    case "i32":
      return new Int32Array(bytes, 0, size);
    case "f16": {
      const halves = new Uint16Array(bytes, 0, size);
      const data = new Float32Array(size);
      for (let i = 0; i < size; i++) data[i] = fromHalf(halves[i]!);
      return data;
    }
    default:
      return new Uint32Array(bytes, 0, size);
  }
}

/** One number, and its bits. */
const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** Bits of the half-precision number nearest to v, ties to even; infinite beyond 65,520. */
export function toHalf(v: number): number {
  single[0] = v;
  const b = bits[0]!;
  const sign = (b >>> 16) & 0x8000;
  const magnitude = b & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: in units of 2⁻²⁴.
    const units = Math.fround(Math.abs(v) * 2 ** 24);
    const down = Math.floor(units);
    const rest = units - down;
    return sign | (down + (rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The number that half-precision bits stand for. */
export function fromHalf(h: number): number {
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 0) return (h & 0x8000 ? -fraction : fraction) * 2 ** -24;
  // The same number with an exponent of 8 bits, its bias 112 more, and 13 bits of fraction more.
  bits[0] = ((h & 0x8000) << 16) | (exponent === 31 ? 0x7f800000 : (exponent + 112) << 23) | (fraction << 13);
  return single[0]!;
}
