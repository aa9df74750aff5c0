// Pooling: the suite's NCHW around the engine's NHWC.
import {
  type Tensor,
  adaptiveAvgPool2d,
  avgPool2d,
  cast,
  isFloat,
  maxPool2d,
  maxPool2dIndices,
  maxUnpool2d,
  reshape,
} from "../../../engine/index.ts";
import { type Adapters, type Named, single, toNCHW, toNHWC } from "../adapter.ts";

type Pair = [number, number];
type Windows = { kernel: Pair; stride: Pair; padding: Pair; ceil_mode: boolean };

/** f on [N, H, W, C], from and to the suite's [N, C, H, W]; [C, H, W] is a batch of one. */
function onImages(f: (...images: Tensor[]) => Tensor, ...xs: Tensor[]): Tensor {
  const single = xs[0].rank === 3;
  const y = toNCHW(f(...xs.map((x) => toNHWC(single ? reshape(x, [1, ...x.shape]) : x))));
  return single ? reshape(y, y.shape.slice(1)) : y;
}

export const pool: Adapters = {
  max_pool2d: ({ kernel, stride, padding, dilation, ceil_mode }: Windows & { dilation: Pair }, { x }: Named) => {
    const options = { kernel, stride, pad: padding, dilation, ceilMode: ceil_mode };
    // The engine pools floats, and f32 holds every byte.
    const floats = isFloat(x.dtype) ? x : cast(x, "f32");
    const y = onImages((t) => maxPool2d(t, options), floats);
    return { y: cast(y, x.dtype), indices: onImages((t) => maxPool2dIndices(t, options), floats) };
  },
  max_unpool2d: single(({ out_size }: { out_size: Pair }, { x, indices }) =>
    onImages((t, at) => maxUnpool2d(t, at, out_size), x, indices),
  ),
  avg_pool2d: single(
    (
      {
        kernel,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
      }: Windows & { count_include_pad: boolean; divisor_override: number | null },
      { x },
    ) =>
      onImages(
        (t) =>
          avgPool2d(t, {
            kernel,
            stride,
            pad: padding,
            ceilMode: ceil_mode,
            countIncludePad: count_include_pad,
            divisorOverride: divisor_override ?? undefined,
          }),
        x,
      ),
  ),
  adaptive_avg_pool2d: single(({ out_size }: { out_size: Pair }, { x }) =>
    onImages((t) => adaptiveAvgPool2d(t, out_size), x),
  ),
};
