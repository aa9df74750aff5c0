// Element types. A bool is stored as a u32 of 0 or 1: WGSL has no storable bool.

export type DType = "f32" | "f16" | "i32" | "u32" | "bool";
export type TypedArray = Float32Array | Int32Array | Uint32Array | Uint16Array;

export const bytesPerElement = (dtype: DType): number => (dtype === "f16" ? 2 : 4);

/** A typed array over `buffer` that holds elements of `dtype` (f16 as raw u16 bits). */
export function viewOf(dtype: DType, buffer: ArrayBuffer): TypedArray {
  switch (dtype) {
    case "f32": return new Float32Array(buffer);
    case "i32": return new Int32Array(buffer);
    case "f16": return new Uint16Array(buffer);
    default: return new Uint32Array(buffer);
  }
}

/** WGSL type of a stored element. */
export const wgslType = (dtype: DType): string => (dtype === "bool" ? "u32" : dtype);
