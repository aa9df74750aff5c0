// Joining, cutting and moving elements: the suite's ranges and lists as the engine takes them.
import {
  type Tensor,
  concat,
  expand,
  flip,
  pad,
  pixelShuffle,
  pixelUnshuffle,
  reshape,
  slice,
  split,
  stack,
  tile,
  transpose,
} from "../../../engine/index.ts";
import { type Adapters, type Named, range, single, toNCHW, toNHWC } from "../adapter.ts";

type Axis = { axis: number };
type PadAttrs = {
  pads: [number, number][];
  mode: "constant" | "reflect" | "replicate" | "circular" | "symmetric";
  value: number;
};

/** x0, x1, … */
const listed = (inputs: Named, n: number): Tensor[] => range(0, n).map((i) => inputs[`x${i}`]);

export const movement: Adapters = {
  concat: single(({ axis, n }: Axis & { n: number }, inputs) => concat(listed(inputs, n), axis)),
  stack: single(({ axis, n }: Axis & { n: number }, inputs) => stack(listed(inputs, n), axis)),
  split: ({ sizes, axis }: Axis & { sizes: number[] }, { x }: Named) =>
    Object.fromEntries(split(x, sizes, axis).map((y, i) => [`y${i}`, y])),
  // The suite's ranges are Python's range(start, end, step): an end of -1 stands before element 0.
  slice: single(({ ranges }: { ranges: [number, number, number][] }, { x }) =>
    slice(
      x,
      ranges.map(([start, end, step]) => [start, end === -1 && step < 0 ? null : end, step]),
    ),
  ),
  reshape: single(({ shape }: { shape: number[] }, { x }) => reshape(x, shape)),
  transpose: single(({ perm }: { perm: number[] }, { x }) => transpose(x, perm)),
  expand: single(({ shape }: { shape: number[] }, { x }) => expand(x, shape)),
  flip: single(({ axes }: { axes: number[] }, { x }) => flip(x, axes)),
  tile: single(({ repeats }: { repeats: number[] }, { x }) => tile(x, repeats)),
  pad: single(({ pads, mode, value }: PadAttrs, { x }) => pad(x, pads, { mode, value })),
  pixel_shuffle: single(({ r }: { r: number }, { x }) => toNCHW(pixelShuffle(toNHWC(x), r))),
  pixel_unshuffle: single(({ r }: { r: number }, { x }) => toNCHW(pixelUnshuffle(toNHWC(x), r))),
};
