// Whether every kernel of a convolution agrees with f64 loops: the problem and its operands, and the variants that
// run it.
import * as assert from "uvu/assert";
import type { KernelOp } from "../../engine/op.ts";
import type { ConvAttrs } from "../../engine/ops/conv-shapes.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise, worst } from "../helpers/device.ts";
import { rawDevice, runOp, runsOn } from "../helpers/run-op.ts";
import type * as reference from "../reference/conv.ts";

export type Image = readonly [n: number, h: number, w: number, c: number];
type Filter = readonly [r: number, s: number, k: number];
export const problem = (
  [n, h, w, c]: Image,
  [r, s, k]: Filter,
  { stride = [1, 1], pad = [0, 0, 0, 0], dilation = [1, 1], groups = 1, padMode }: Partial<ConvAttrs> = {},
): reference.Conv => ({
  n,
  h,
  w,
  c,
  r,
  s,
  k,
  stride,
  pad,
  dilation,
  groups,
  ...(padMode && { padMode }),
  p: Math.floor((h + pad[0] + pad[2] - dilation[0] * (r - 1) - 1) / stride[0]) + 1,
  q: Math.floor((w + pad[1] + pad[3] - dilation[1] * (s - 1) - 1) / stride[1]) + 1,
});

/** The same op with the last and most general of its kernels. */
export function directOnly<A extends object>(op: KernelOp<A>): KernelOp<A> {
  return { ...op, lower: (l, a) => op.lower({ ...l, select: (kernels) => kernels.at(-1)! }, a) };
}

interface Variant {
  readonly name: string;
  readonly traits: Partial<Traits>;
  readonly direct: boolean;
}
const variants: readonly Variant[] = [
  { name: "CPU with subgroups", traits: { cpu: true, subgroups: true }, direct: false },
  {
    name: "CPU with subgroups of eight",
    traits: { cpu: true, subgroups: true, lanes: 8 },
    direct: false,
  },
  { name: "CPU", traits: { cpu: true, subgroups: false }, direct: false },
  { name: "CPU by Winograd", traits: { cpu: true, subgroups: true, winograd: true }, direct: false },
  { name: "GPU", traits: { cpu: false }, direct: false },
  { name: "GPU by Winograd", traits: { cpu: false, winograd: true }, direct: false },
  { name: "GPU with subgroups", traits: { cpu: false, subgroups: true }, direct: false },
  { name: "direct", traits: {}, direct: true },
];

export async function agrees<A extends object>(
  op: KernelOp<A>,
  attrs: A,
  inputs: Parameters<typeof runOp>[2],
  want: Float64Array,
  what: string,
): Promise<void> {
  const { device } = await rawDevice();
  for (const v of variants) {
    if (!runsOn(device, v.traits)) continue;
    const [got] = await runOp(v.direct ? directOnly(op) : op, attrs, inputs, v.traits);
    const error = worst(got, want);
    assert.ok(error < 1e-5, `${op.name} of ${what}, ${v.name}: off by ${error} of the largest value`);
  }
}

export const image = ({ n, h, w, c }: reference.Conv): { shape: number[]; data: Float32Array } => ({
  shape: [n, h, w, c],
  data: noise(n * h * w * c, 1),
});
export const filter = ({ r, s, c, groups, k }: reference.Conv): { shape: number[]; data: Float32Array } => ({
  shape: [r, s, c / groups, k],
  data: noise(r * s * (c / groups) * k, 2),
});
export const output = ({ n, p, q, k }: reference.Conv): { shape: number[]; data: Float32Array } => ({
  shape: [n, p, q, k],
  data: noise(n * p * q * k, 3),
});
