// Several batches through one network in one call: half the dispatches, each of twice the size.
import { ShapeError } from "./errors.ts";
import { toF32 } from "./ops/cast.ts";
import { concat, slice } from "./ops/movement.ts";
import { sameShape, show } from "./shape.ts";
import { Tensor } from "./tensor.ts";
import { batches, inBatches } from "./trace.ts";

/**
 * What `f` gives for each of `given`, tensors [N, …] of one shape, by one call on all of them [count · N, …]. Every
 * image goes its own way, and batch norm takes statistics of each of the batches, and follows them in this order: the
 * same numbers as calls one by one. `f` gives tensors [N, …]: one, a list, or a record of such. Throws ShapeError where
 * shapes differ.
 */
export function together<T extends object>(f: (x: Tensor) => T, given: readonly Tensor[]): T[] {
  const [first, ...others] = given;
  if (!first) return [];
  if (others.length === 0) return [f(first)];
  const odd = others.find((x) => !sameShape(x.shape, first.shape));
  if (odd) throw new ShapeError("together", `batches are ${show(first.shape)} and ${show(odd.shape)}; make them alike`);
  const isMixed = others.some((x) => x.dtype !== first.dtype);
  const all = inBatches(given.length * batches(), () => f(concat(isMixed ? given.map(toF32) : given, 0)));
  return given.map((_, i) => partOf(all, i, given.length) as T);
}

/** The i-th of `count` parts of every tensor within. */
function partOf(all: object, i: number, count: number): object {
  if (all instanceof Tensor) {
    const n = all.shape[0]! / count;
    return slice(all, [[i * n, (i + 1) * n]]);
  }
  if (Array.isArray(all)) return all.map((v: object) => partOf(v, i, count));
  return Object.fromEntries(Object.entries(all).map(([name, v]: [string, object]) => [name, partOf(v, i, count)]));
}
