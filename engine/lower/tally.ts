// Statistics that a kernel tallies while it writes what they are of: a convolution before its norm.
import type { ReduceOp } from "../op.ts";
import { show } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import type { HookContext } from "../wgsl/context.ts";
import { firstInput } from "./loops.ts";
import type { Parts } from "./statistics.ts";

/**
 * Columns of a tensor [N, …, K], N or 1 times K of `count` elements each, in the parts that a kernel's tiles make of
 * them.
 */
export interface Tallied {
  /** 1, or N where every image has statistics of its own. */
  readonly images: number;
  readonly channels: number;
  readonly count: number;
  /** Tiles of an image. */
  readonly splits: number;
  readonly label: string;
}

/** Joining more parts of few channels would read more than the tensor holds: every later workgroup joins them again. */
const FEW_PARTS = 512;
const MANY_CHANNELS = 64;

/** The stored tensor that moments are taken of, looking through a cast to f32. */
export function talliedTensor(node: Node): Tensor {
  const x = firstInput(node);
  const [from] = x.node.inputs;
  return x.node.op.name === "cast" && from?.dtype === "f16" ? from : x;
}

/**
 * How tiles of `pixels`, in order, make the moments that `node` takes: over all but the last axis, or the first and
 * the last; undefined where they don't.
 */
export function tallied(node: Node, pixels: number): Tallied | undefined {
  const op = node.op as ReduceOp;
  const { shape, rank, size } = firstInput(node);
  if (op.combine !== "moments" || rank < 2) return undefined;
  const axes = op.axes(node.attrs);
  const channels = shape.at(-1)!;
  if (axes.includes(rank - 1) || shape.some((n, d) => d > 0 && d < rank - 1 && n !== 1 && !axes.includes(d)))
    return undefined;
  const images = axes.includes(0) ? 1 : shape[0]!;
  const count = size / channels / images;
  const splits = Math.ceil(count / pixels);
  if (images > 1 && count % pixels !== 0) return undefined;
  if (splits > FEW_PARTS && images * channels < MANY_CHANNELS) return undefined;
  return { images, channels, count, splits, label: `${op.name} ${show(shape)} over ${show(axes)}` };
}

/** The hook `tally` of a kernel that counts channels in fours. */
export function tallyHook(
  { images, channels, splits }: Tallied,
  { memory, plane }: Parts,
  context: HookContext,
): string {
  const part = context.bind(memory, "vec4<f32>", "read_write");
  const n = context.number(images);
  const s = context.number(splits);
  const quads = context.number(channels / 4);
  const p = context.number(plane / 4);
  const body = [
    `let i = (tile % ${s} * ${n} + tile / ${s}) * ${quads} + c;`,
    `${part}[i] = mean;`,
    `${part}[i + ${p}] = spread;`,
  ];
  return `fn tally(tile : u32, c : u32, mean : F, spread : F) { ${body.join(" ")} }`;
}
