// The distinct layers of networks, read from their traced graphs: convolutions, norms, pools and resizes with their
// geometry.
import { type Shape, type Tensor, sizeOf } from "../../engine/index.ts";
import { ofRank } from "../../engine/shape.ts";
import { simplify } from "../../engine/fuse/simplify.ts";
import type { ConvAttrs } from "../../engine/ops/conv-shapes.ts";

type Pair = readonly [y: number, x: number];
type Pads = readonly [top: number, left: number, bottom: number, right: number];

/**
 * y = x ∗ w; "conv-transpose" is its gradient to the image used forward: x is then what the convolution would give.
 * Sizes NHWC.
 */
export interface ConvLayer {
  readonly op: "conv" | "conv-transpose";
  readonly x: Shape;
  /** [R, S, C/groups, K] as the convolution has it: a transposed one gives C channels from K. */
  readonly w: Shape;
  readonly stride: Pair;
  readonly pad: Pads;
  readonly dilation: Pair;
  readonly groups: number;
  readonly padMode: "zero" | "reflect";
}
export interface NormLayer {
  readonly op: "batch-norm" | "instance-norm" | "layer-norm";
  readonly x: Shape;
}
export interface PoolLayer {
  readonly op: "max-pool" | "avg-pool";
  readonly x: Shape;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pad: Pair;
}
export interface ResizeLayer {
  readonly op: "resize";
  readonly x: Shape;
  readonly size: Pair;
  readonly mode: "nearest" | "bilinear";
  readonly alignCorners: boolean;
}
export type Layer = ConvLayer | NormLayer | PoolLayer | ResizeLayer;

export const isConv = (layer: Layer): layer is ConvLayer => layer.op === "conv" || layer.op === "conv-transpose";

type Node = Tensor["node"];

/** The layer that a node is, if it is one. */
function layerOf({ op, inputs, outputs, attrs }: Node): Layer | undefined {
  const [x, w] = inputs as readonly [Tensor, Tensor];
  switch (op.name) {
    case "conv2d": {
      const { stride, pad, dilation, groups, padMode = "zero" } = attrs as ConvAttrs;
      return { op: "conv", x: x.shape, w: w.shape, stride, pad, dilation, groups, padMode };
    }
    case "conv2d-input-grad": {
      const { stride, pad, dilation, groups } = attrs as ConvLayer;
      return { op: "conv-transpose", x: x.shape, w: w.shape, stride, pad, dilation, groups, padMode: "zero" };
    }
    case "max-pool-2d":
    case "avg-pool-2d": {
      const a = attrs as Readonly<Record<string, number>>;
      return {
        op: op.name === "max-pool-2d" ? "max-pool" : "avg-pool",
        x: x.shape,
        kernel: [a.kernelY!, a.kernelX!],
        stride: [a.strideY!, a.strideX!],
        pad: [a.padY!, a.padX!],
      };
    }
    case "resize": {
      const { mode, alignCorners } = attrs as ResizeLayer;
      return { op: "resize", x: x.shape, size: [outputs[0].shape[1]!, outputs[0].shape[2]!], mode, alignCorners };
    }
    default: {
      if (op.kind !== "reduce" || op.combine !== "moments" || x.rank !== 4) return undefined;
      const axes = op.axes(attrs).join();
      return { op: axes === "0,1,2" ? "batch-norm" : axes === "1,2" ? "instance-norm" : "layer-norm", x: x.shape };
    }
  }
}

/** A layer, how often the networks have it, and which do. */
export interface Found {
  readonly layer: Layer;
  count: number;
  readonly networks: Set<string>;
}

export const keyOf = (layer: Layer): string => JSON.stringify(layer);

/** Adds the layers that `outputs` need to `found`, by geometry. */
export function gatherLayers(network: string, outputs: readonly Tensor[], found: Map<string, Found>): void {
  for (const node of simplify(outputs).nodes) {
    const layer = layerOf(node);
    if (!layer) continue;
    const key = keyOf(layer);
    const known = found.get(key) ?? { layer, count: 0, networks: new Set<string>() };
    known.count++;
    known.networks.add(network);
    found.set(key, known);
  }
}

/**
 * 2 · multiply–adds of all convolutions and matrix products that `outputs` need, forward and backward, each counted
 * once.
 */
export function flopsOf(outputs: readonly Tensor[]): number {
  let flops = 0;
  for (const {
    op,
    inputs,
    outputs: [y],
    attrs,
  } of simplify(outputs).nodes) {
    const [x, w] = inputs as readonly [Tensor, Tensor];
    if (op.name === "conv2d") flops += 2 * y.size * sizeOf(w.shape.slice(0, 3));
    else if (op.name === "conv2d-input-grad") flops += 2 * x.size * sizeOf(w.shape.slice(0, 3));
    else if (op.name === "conv2d-weight-grad") flops += 2 * w.size * sizeOf(y.shape.slice(0, 3));
    else if (op.name === "matmul")
      flops += 2 * y.size * x.shape[(attrs as { transposeA: boolean }).transposeA ? 1 : 2]!;
    // Two products of all pairs of points forward at least, and one of each side backward.
    else if (op.name === "contextual" || op.name === "contextual-grad") flops += 2 * x.size * w.shape[1]!;
  }
  return flops;
}

/** Height and width of what a convolution gives. */
export function convOutput({ op, x, w, stride, pad, dilation }: ConvLayer): [number, number] {
  return [0, 1].map((d) => {
    const extent = dilation[d]! * (w[d]! - 1) + 1;
    const padding = pad[d]! + pad[d + 2]!;
    return op === "conv"
      ? Math.floor((x[1 + d]! + padding - extent) / stride[d]!) + 1
      : (x[1 + d]! - 1) * stride[d]! - padding + extent;
  }) as [number, number];
}

/** Its output's shape, NHWC. */
export function outputShape(layer: Layer): Shape {
  const [n, h, w, c] = ofRank(layer.x, 4);
  switch (layer.op) {
    case "conv":
      return [n, ...convOutput(layer), layer.w[3]!];
    case "conv-transpose":
      return [n, ...convOutput(layer), layer.w[2]! * layer.groups];
    case "resize":
      return [n, ...layer.size, c];
    case "max-pool":
    case "avg-pool": {
      const along = (size: number, d: 0 | 1): number =>
        Math.floor((size + 2 * layer.pad[d] - layer.kernel[d]) / layer.stride[d]) + 1;
      return [n, along(h, 0), along(w, 1), c];
    }
    default:
      return layer.x;
  }
}

/** 2 · multiply–adds of a convolution, the same for either gradient; 0 for the rest. */
export const layerFlops = (layer: Layer): number =>
  isConv(layer) ? 2 * sizeOf(layer.w.slice(0, 3)) * sizeOf(layer.op === "conv" ? outputShape(layer) : layer.x) : 0;

/**
 * The layer on less: one image of the batch, then halved until flops and elements are at most these, or 8 pixels are
 * left.
 */
export function shrunk(layer: Layer, maxFlops: number, maxElements: number): Layer {
  let small = layer;
  const heavy = (): boolean =>
    layerFlops(small) > maxFlops || Math.max(sizeOf(small.x), sizeOf(outputShape(small))) > maxElements;
  const half = (n: number): number => Math.ceil(n / 2);
  if (heavy()) small = { ...small, x: [1, ...small.x.slice(1)] };
  while (heavy() && Math.min(small.x[1]!, small.x[2]!) > 8) {
    const [n, h, w, c] = ofRank(small.x, 4);
    const x = [n, half(h), half(w), c];
    small = small.op === "resize" ? { ...small, x, size: [half(small.size[0]), half(small.size[1])] } : { ...small, x };
  }
  return small;
}

const square = (a: number, b: number): string => (a === b ? `${a}×${a}` : `${a}×${b}`);
function image(shape: Shape): string {
  const [n, h, w] = ofRank(shape, 4);
  return `@${square(h, w)}${n === 1 ? "" : ` ×${n}`}`;
}

/** "conv 3×3 64→128 /2 reflect @128×128 ×2": filter, channels, what is special, image, batch. */
export function nameOf(layer: Layer): string {
  const [, , , c] = ofRank(layer.x, 4);
  switch (layer.op) {
    case "conv":
    case "conv-transpose": {
      const [r, s, , k] = ofRank(layer.w, 4);
      const to = layer.op === "conv" ? k : layer.w[2]! * layer.groups;
      return [
        layer.op === "conv" ? "conv" : "convT",
        square(r, s),
        `${c}→${to}`,
        ...(layer.stride[0] > 1 ? [`/${layer.stride[0]}`] : []),
        ...(layer.dilation[0] > 1 ? [`d${layer.dilation[0]}`] : []),
        ...(layer.groups > 1 ? [`g${layer.groups}`] : []),
        ...(layer.padMode === "reflect"
          ? ["reflect"]
          : layer.pad.some((p) => p !== layer.pad[0]) || layer.pad[0] !== ((r - 1) * layer.dilation[0]) / 2
            ? [`p${layer.pad[0]}`]
            : []),
        image(layer.x),
      ].join(" ");
    }
    case "resize":
      return `${layer.mode}${layer.alignCorners ? "-corners" : ""} ${c} ${image(layer.x)} → ${square(...layer.size)}`;
    case "max-pool":
    case "avg-pool":
      return `${layer.op} ${square(...layer.kernel)}/${layer.stride[0]} ${c} ${image(layer.x)}`;
    default:
      return `${layer.op} ${c} ${image(layer.x)}`;
  }
}

/** What it is but for its sizes: one of each kind stands for all in a quick run. */
export function kindOf(layer: Layer): string {
  if (!isConv(layer)) return layer.op === "resize" ? `${layer.op} ${layer.mode} ${layer.alignCorners}` : layer.op;
  const [r, s, c, k] = ofRank(layer.w, 4);
  return JSON.stringify([
    layer.op,
    r,
    s,
    layer.stride,
    layer.dilation,
    layer.padMode,
    Math.min(c, 5) < 5,
    Math.min(k, 5) < 5,
  ]);
}
