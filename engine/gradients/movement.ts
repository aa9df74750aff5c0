// Views and joins: where an element was taken from, its cotangent goes back to.
import { expandOp, sumTo } from "../ops/broadcast.ts";
import {
  concatOp,
  packOp,
  place,
  placeOp,
  reshape,
  reshapeOp,
  slice,
  sliceAlong,
  sliceOp,
  startsAlong,
  transpose,
  transposeOp,
} from "../ops/movement.ts";
import { apply } from "../tensor.ts";
import { type Gradient, gradientOf } from "./rule.ts";

const inverse = (perm: readonly number[]): number[] => perm.map((_, d) => perm.indexOf(d));

export const movements: readonly Gradient[] = [
  gradientOf(reshapeOp, ([dy], [x]) => [reshape(dy!, x.shape)]),
  gradientOf(transposeOp, ([dy], _, __, { perm }) => [transpose(dy!, inverse(perm))]),
  gradientOf(expandOp, ([dy], [x]) => [sumTo(dy!, x.shape)]),
  gradientOf(sliceOp, ([dy], [x], _, { start, step }) => [place(dy!, x.shape, start, step)]),
  gradientOf(placeOp, ([dy], [x], _, { start, step }) => [apply(sliceOp, [dy!], { start, step, shape: x.shape })]),
  gradientOf(concatOp, ([dy], xs, _, { axis }) =>
    startsAlong(xs, axis).map((start, i) => sliceAlong(dy!, axis, start, start + xs[i]!.shape[axis]!)),
  ),
  gradientOf(packOp, ([dy], xs, _, { offsets }) =>
    xs.map((x, i) => reshape(slice(dy!, [[offsets[i]!, offsets[i]! + x.size]]), x.shape)),
  ),
];
