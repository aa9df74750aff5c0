// Ops that look elements up, find their positions, or run along an axis.
import { type Tensor, argMax, argMin, cumSum, gridSample, reshape, take } from "../../../engine/index.ts";
import { type Adapters, single, toNCHW, toNHWC } from "../adapter.ts";

type Arg = { axis: number; keepdims: boolean };
type GridAttrs = {
  mode: "bilinear" | "nearest" | "bicubic";
  padding_mode: "zeros" | "border" | "reflection";
  align_corners: boolean;
};

/** A scalar counts as a line of one element, as in PyTorch. */
const line = (x: Tensor): Tensor => (x.rank === 0 ? reshape(x, [1]) : x);
const unlined = (x: Tensor, y: Tensor): Tensor => (x.rank === 0 ? reshape(y, []) : y);

export const index: Adapters = {
  gather_axis: single(({ axis }: { axis: number }, { x, index }) => unlined(x, take(line(x), index, axis))),
  argmax: single(({ axis, keepdims }: Arg, { x }) => unlined(x, argMax(line(x), axis, { keepDims: keepdims }))),
  argmin: single(({ axis, keepdims }: Arg, { x }) => unlined(x, argMin(line(x), axis, { keepDims: keepdims }))),
  cumsum: single(({ axis }: { axis: number }, { x }) => unlined(x, cumSum(line(x), axis))),
  grid_sample: single((a: GridAttrs, { x, grid }) =>
    toNCHW(gridSample(toNHWC(x), grid, { mode: a.mode, padding: a.padding_mode, alignCorners: a.align_corners })),
  ),
};
