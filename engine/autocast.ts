// Which dtype products are computed from: what a network's f32 parameters and inputs become inside autocast.
import { oneOf } from "./choice.ts";
import { type DType, isFloat, promote } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";
import { cast } from "./ops/cast.ts";

/** Of products in progress; absent outside autocast. */
let product: "f16" | "f32" | undefined;

/**
 * f(), in which conv2d, convTranspose2d, matmul and linear cast their operands, weights too, to `dtype`: with "f16"
 * activations flow in half precision, f32 parameters stay what they are and get f32 gradients. A weight that several
 * layers use is cast once. What is no product follows its inputs (docs/numerics.md, "Half precision"); "f32" inside
 * "f16" makes an exception. f is not async.
 */
export function autocast<T>(dtype: "f16" | "f32", f: () => T): T {
  const outer = product;
  product = oneOf("autocast", "dtype", dtype, ["f16", "f32"]);
  try {
    return f();
  } finally {
    product = outer;
  }
}

/**
 * Operands of a product in one dtype: autocast's, or what theirs promote to. What is no float is left for the op to
 * refuse.
 */
export function operands<T extends readonly Tensor[]>(...xs: T): T {
  if (!xs.every((x) => isFloat(x.dtype))) return xs;
  const dtype = product ?? common(xs);
  return castAll(xs, dtype);
}

/** Operands in the dtype that theirs promote to. */
export function alike<T extends readonly Tensor[]>(...xs: T): T {
  return castAll(xs, common(xs));
}

/** As many tensors as there are in T. */
const castAll = <T extends readonly Tensor[]>(xs: T, dtype: DType): T =>
  xs.map((x) => cast(x, dtype)) as readonly Tensor[] as T;

const common = (xs: readonly Tensor[]): DType => xs.map((x) => x.dtype).reduce((a, b) => promote(a, b)!);
