// The passes of a layer: forward, gradient to the image, gradient to the weights.
import {
  type Tensor,
  avgPool2d,
  batchNorm,
  conv2d,
  grad,
  instanceNorm,
  layerNorm,
  maxPool2d,
  resize,
  sizeOf,
} from "../../engine/index.ts";
import { conv2dInputGrad } from "../../engine/ops/conv-input-grad.ts";
import type { Spot } from "./check.ts";
import {
  type ConvLayer,
  type Layer,
  type NormLayer,
  type PoolLayer,
  type ResizeLayer,
  convOutput,
  isConv,
  layerFlops,
  outputShape,
} from "./layers.ts";
import type { DataOf, Pass, Products } from "./operands.ts";
import { type Visit, convSpots, normSpots, poolSpots, resizeSpots } from "./spots.ts";

function convPasses(layer: ConvLayer): Pass[] {
  const { x, w, op } = layer;
  const y = outputShape(layer);
  const flops = layerFlops(layer);
  const forward = (a: Tensor, b: Tensor): Tensor =>
    op === "conv" ? conv2d(a, b, layer) : conv2dInputGrad(a, b, { ...layer, size: convOutput(layer) });
  // A transposed convolution's image is the convolution's result, and the other way round.
  const spots = op === "conv" ? convSpots(layer, x, y) : convSpots(layer, y, x);
  const out = op === "conv" ? spots.out : spots.image;
  const image = op === "conv" ? spots.image : spots.out;
  const total = sizeOf(x) + sizeOf(w) + sizeOf(y);
  const transposed = op === "conv-transpose";
  type Operand = keyof typeof operands;
  const operands = { x: { name: "x", shape: x }, w: { name: "w", shape: w }, dy: { name: "dy", shape: y } };
  const products = (a: Operand, b: Operand, each: (i: number, visit: Visit) => void): Products => ({
    a: operands[a],
    b: operands[b],
    each,
  });
  const { each } = spots;
  const ofFilter = transposed ? products("dy", "x", each.filter) : products("x", "dy", each.filter);
  const gradient = (name: "dx" | "dw", want: (dy: Float32Array, x: Float32Array, w: Float32Array) => Spot): Pass => ({
    name,
    elements: total,
    flops,
    build: (t) => {
      const [a, b] = [t("x", x), t("w", w)];
      return { [name]: grad(forward(a, b), [name === "dx" ? a : b], t("dy", y))[0] };
    },
    spots: (d) => ({ [name]: want(d("dy", y), d("x", x), d("w", w)) }),
    products: { [name]: name === "dw" ? ofFilter : products("dy", "w", transposed ? each.out : each.image) },
  });
  return [
    {
      name: "fwd",
      elements: total,
      flops,
      build: (t) => ({ y: forward(t("x", x), t("w", w)) }),
      spots: (d) => ({ y: (i) => out(d("x", x), d("w", w), i) }),
      products: { y: products("x", "w", transposed ? each.image : each.out) },
    },
    gradient("dx", (dy, _, b) => (i) => image(dy, b, i)),
    gradient("dw", (dy, a) => (i) => (op === "conv" ? spots.filter(a, dy, i) : spots.filter(dy, a, i))),
  ];
}

function normPasses(layer: NormLayer): Pass[] {
  const { x, op } = layer;
  const channels = [x[3]!];
  const n = sizeOf(x);
  const forward = (a: Tensor, weight: Tensor, bias: Tensor): Tensor =>
    op === "batch-norm"
      ? batchNorm(a, { weight, bias }).y
      : op === "instance-norm"
        ? instanceNorm(a, { weight, bias })
        : layerNorm(a, 3, { weight, bias });
  const wanted = (d: DataOf) => normSpots(layer, d("x", x), d("weight", channels), d("bias", channels), d("dy", x));
  return [
    {
      name: "fwd",
      elements: 2 * n,
      flops: 0,
      build: (t) => ({ y: forward(t("x", x), t("weight", channels), t("bias", channels)) }),
      spots: (d) => ({ y: wanted(d).y }),
    },
    {
      name: "fwd+bwd",
      elements: 3 * n,
      flops: 0,
      build: (t) => {
        const xs = [t("x", x), t("weight", channels), t("bias", channels)] as const;
        const [dx, dWeight, dBias] = grad(forward(...xs), xs, t("dy", x));
        return { dx, dWeight, dBias };
      },
      spots: (d) => {
        const { dx, dWeight, dBias } = wanted(d);
        return { dx, dWeight, dBias };
      },
    },
  ];
}

function mapPasses(layer: PoolLayer | ResizeLayer): Pass[] {
  const { x, op } = layer;
  const y = outputShape(layer);
  const elements = sizeOf(x) + sizeOf(y);
  const forward = (a: Tensor): Tensor => {
    if (op === "resize") return resize(a, layer.size, layer.mode === "nearest" ? { mode: "nearest" } : layer);
    return op === "max-pool" ? maxPool2d(a, layer) : avgPool2d(a, layer);
  };
  const wanted = (d: DataOf) =>
    op === "resize" ? resizeSpots(layer, d("x", x), d("dy", y)) : poolSpots(layer, y, d("x", x), d("dy", y));
  return [
    { name: "fwd", elements, flops: 0, build: (t) => ({ y: forward(t("x", x)) }), spots: (d) => ({ y: wanted(d).y }) },
    {
      name: op === "max-pool" ? "fwd+bwd" : "bwd",
      elements: op === "max-pool" ? elements + sizeOf(x) : elements,
      flops: 0,
      build: (t) => {
        const a = t("x", x);
        return { dx: grad(forward(a), [a], t("dy", y))[0] };
      },
      spots: (d) => ({ dx: wanted(d).dx }),
    },
  ];
}

/** All passes of a layer. */
export const passesOf = (layer: Layer): Pass[] =>
  isConv(layer)
    ? convPasses(layer)
    : layer.op === "resize" || layer.op.endsWith("pool")
      ? mapPasses(layer as PoolLayer | ResizeLayer)
      : normPasses(layer as NormLayer);
