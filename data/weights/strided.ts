// A tensor as a view of a storage, (offset, sizes, strides), to elements in row-major order.
import { DataError } from "../errors.ts";
import type { SafetensorsDType, SafetensorsData, SafetensorsTensor } from "./safetensors.ts";
import type { StoredTensor } from "./torch-object.ts";

/**
 * The elements in row-major order: a view of `bytes`, the storage's, where they lie so, else a copy, negated where the
 * tensor says so. `name` is the tensor's in errors; `allocate` gets the size of a copy in bytes before it is made, and
 * may throw. Throws DataError where the tensor reaches past its storage.
 */
export function rowMajor(
  { storage, element, offset, shape, strides, negative }: StoredTensor,
  bytes: Uint8Array,
  name: string,
  file: string,
  allocate: (bytes: number, name: string) => void,
): SafetensorsTensor {
  const { dtype, array } = element;
  const width = array.BYTES_PER_ELEMENT;
  const count = shape.reduce((n, d) => n * d, 1);
  if (count === 0) return { dtype, shape, data: new array(0) };
  const available = Math.min(Math.floor(bytes.length / width), storage.element ? storage.count : Infinity);
  const last = shape.reduce((n, d, i) => n + (d - 1) * strides[i]!, offset);
  if (!Number.isSafeInteger(count) || !(last < available)) {
    const view = `[${shape.join(", ")}] with strides [${strides.join(", ")}]`;
    const problem = `${view} reaches element ${last} of a storage of ${available}`;
    throw new DataError(file, `tensor ${name}`, problem, "copy or save the file again");
  }
  const contiguous = isContiguous(shape, strides);
  const from = bytes.byteOffset + offset * width;
  if (contiguous && !negative && from % width === 0)
    return { dtype, shape, data: new array(bytes.buffer, from, count) };
  allocate(count * width, name);
  const copy = contiguous
    ? bytes.slice(offset * width, (offset + count) * width)
    : gathered(bytes, width, offset, shape, strides, count);
  const data = new array(copy.buffer);
  if (negative) negate(data, dtype);
  return { dtype, shape, data };
}

/** Changes the sign of every element in place. */
function negate(data: SafetensorsData, dtype: SafetensorsDType): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < data.length; i++) data[i] = -data[i]!;
  } else if (dtype === "F16" || dtype === "BF16") {
    // The sign is the highest bit.
    for (let i = 0; i < data.length; i++) data[i] = data[i]! ^ 0x8000;
  } else {
    for (let i = 0; i < data.length; i++) data[i] = -data[i]!;
  }
}

/** Whether the elements lie in row-major order without gaps; strides along sizes of 1 don't matter. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** The elements one after the other, as bytes: the storage may lie at any address. */
function gathered(
  bytes: Uint8Array,
  width: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(count * width);
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    for (let b = 0; b < width; b++) out[i * width + b] = bytes[at * width + b]!;
    // The next index: the last dimension counts fastest.
    for (let d = shape.length - 1; d >= 0; d--) {
      const next = index[d]! + 1;
      at += strides[d]!;
      index[d] = next;
      if (next < shape[d]!) break;
      at -= strides[d]! * shape[d]!;
      index[d] = 0;
    }
  }
  return out;
}
