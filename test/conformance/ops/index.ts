// Ops that look elements up, find their positions, or run along an axis.
import { argMax, argMin, cumSum, gridSample, take } from "../../../engine/index.ts";
import { type Adapters, alongLine, single, toNCHW, toNHWC } from "../adapter.ts";

type Arg = { axis: number; keepdims: boolean };
type GridAttrs = {
  mode: "bilinear" | "nearest" | "bicubic";
  padding_mode: "zeros" | "border" | "reflection";
  align_corners: boolean;
};

export const index: Adapters = {
  gather_axis: single(({ axis }: { axis: number }, { x, index }) => alongLine((t) => take(t, index, axis), x)),
  argmax: single(({ axis, keepdims }: Arg, { x }) => alongLine((t) => argMax(t, axis, { keepDims: keepdims }), x)),
  argmin: single(({ axis, keepdims }: Arg, { x }) => alongLine((t) => argMin(t, axis, { keepDims: keepdims }), x)),
  cumsum: single(({ axis }: { axis: number }, { x }) => alongLine((t) => cumSum(t, axis), x)),
  grid_sample: single((a: GridAttrs, { x, grid }) =>
    toNCHW(gridSample(toNHWC(x), grid, { mode: a.mode, padding: a.padding_mode, alignCorners: a.align_corners })),
  ),
};
