// Convolutions: the suite's filters are [K, C/groups, R, S], of transposed convolutions [Cin, Cout/groups, R, S].
import { conv2d, convTranspose2d, transpose } from "../../../engine/index.ts";
import { type Adapters, single, toNCHW, toNHWC } from "../adapter.ts";

type Pair = [number, number];
interface Conv {
  stride: Pair;
  pads: [number, number, number, number];
  dilation: Pair;
  groups: number;
  output_padding: Pair;
}

export const conv: Adapters = {
  conv2d: single(({ stride, pads, dilation, groups }: Conv, { x, w, b }) =>
    toNCHW(conv2d(toNHWC(x), transpose(w, [2, 3, 1, 0]), { bias: b, stride, pad: pads, dilation, groups })),
  ),
  conv_transpose2d: single(({ stride, pads, dilation, groups, output_padding }: Conv, { x, w, b }) =>
    toNCHW(
      convTranspose2d(toNHWC(x), transpose(w, [2, 3, 1, 0]), {
        bias: b,
        stride,
        pad: pads,
        dilation,
        groups,
        outputPad: output_padding,
      }),
    ),
  ),
};
