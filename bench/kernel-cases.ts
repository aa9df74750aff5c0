// One layer of one network at a time: forward, gradient to the image, gradient to the weights.
import {
  type Device,
  type Shape,
  type Tensor,
  Variable,
  avgPool2d,
  batchNorm,
  conv2d,
  grad,
  instanceNorm,
  layerNorm,
  maxPool2d,
  resize,
  sizeOf,
} from "../engine/index.ts";
import { conv2dInputGrad } from "../engine/ops/conv.ts";
import type { Case, Prepared } from "./case.ts";
import {
  type ConvLayer,
  type Found,
  type Layer,
  type NormLayer,
  type PoolLayer,
  type ResizeLayer,
  convOutput,
  isConv,
  keyOf,
  kindOf,
  layerFlops,
  nameOf,
  outputShape,
  shrunk,
} from "./layers.ts";
import { type Spot, checkPass } from "./check.ts";
import { convSpots, normSpots, poolSpots, resizeSpots } from "./spots.ts";
import { uniform } from "./statistics.ts";

/** A pass of a layer: named results as tensors, and what each element should be. */
interface Pass {
  readonly name: string;
  /** Elements of all operands and results, each once. */
  readonly elements: number;
  readonly flops: number;
  build(x: (name: string, shape: Shape) => Tensor): Record<string, Tensor>;
  spots(data: (name: string, shape: Shape) => Float32Array): Record<string, Spot>;
}

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
  const gradient = (name: "dx" | "dw", want: (dy: Float32Array, x: Float32Array, w: Float32Array) => Spot): Pass => ({
    name,
    elements: total,
    flops,
    build: (t) => {
      const [a, b] = [t("x", x), t("w", w)];
      return { [name]: grad(forward(a, b), [name === "dx" ? a : b], t("dy", y))[0] };
    },
    spots: (d) => ({ [name]: want(d("dy", y), d("x", x), d("w", w)) }),
  });
  return [
    {
      name: "fwd",
      elements: total,
      flops,
      build: (t) => ({ y: forward(t("x", x), t("w", w)) }),
      spots: (d) => ({ y: (i) => out(d("x", x), d("w", w), i) }),
    },
    gradient("dx", (dy, _, b) => (i) => image(dy, b, i)),
    gradient("dw", (dy, a) => (i) => (op === "conv" ? spots.filter(a, dy, i) : spots.filter(dy, a, i))),
  ];
}

function normPasses(layer: NormLayer): Pass[] {
  const { x, op } = layer;
  const channels = [x[3]];
  const n = sizeOf(x);
  const forward = (a: Tensor, weight: Tensor, bias: Tensor): Tensor =>
    op === "batch-norm"
      ? batchNorm(a, { weight, bias }).y
      : op === "instance-norm"
        ? instanceNorm(a, { weight, bias })
        : layerNorm(a, 3, { weight, bias });
  const wanted = (d: (name: string, shape: Shape) => Float32Array) =>
    normSpots(layer, d("x", x), d("weight", channels), d("bias", channels), d("dy", x));
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
  const forward = (a: Tensor): Tensor =>
    op === "resize"
      ? resize(a, layer.size, layer.mode === "nearest" ? { mode: "nearest" } : layer)
      : op === "max-pool"
        ? maxPool2d(a, layer)
        : avgPool2d(a, layer);
  const wanted = (d: (name: string, shape: Shape) => Float32Array) =>
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

const passesOf = (layer: Layer): Pass[] =>
  isConv(layer)
    ? convPasses(layer)
    : layer.op === "resize" || layer.op.endsWith("pool")
      ? mapPasses(layer as PoolLayer | ResizeLayer)
      : normPasses(layer as NormLayer);

/** Operands are variables, so that no run writes them; made from their names, so that a check can make them again. */
async function prepare(device: Device, name: string, pass: Pass): Promise<Prepared> {
  const known = new Map<string, Float32Array>();
  const data = (operand: string, shape: Shape): Float32Array => {
    const made =
      known.get(operand) ??
      uniform(
        sizeOf(shape),
        [...operand].reduce((s, c) => s * 31 + c.charCodeAt(0), 7),
      );
    known.set(operand, made);
    return made;
  };
  const variables = new Map<string, Variable>();
  const tensor = (operand: string, shape: Shape): Tensor => {
    const v = variables.get(operand) ?? new Variable(shape, data(operand, shape), { trainable: false, name: operand });
    variables.set(operand, v);
    return v.value;
  };
  const program = await device.compile(() => pass.build(tensor), {}, { mode: "train", name });
  return {
    program,
    async check() {
      program.run();
      const by = { device, build: () => pass.build(tensor), flops: pass.flops };
      return checkPass(program, await program.read(), pass.spots(data), by);
    },
  };
}

export interface KernelLimits {
  readonly flops: number;
  readonly elements: number;
}

/** All passes of the layers, each once; with limits on smaller images, where some become one. */
export function kernelCases(found: readonly Found[], limits?: KernelLimits): Case[] {
  const distinct = new Map<string, { layer: Layer; flops: number }>();
  for (const { layer } of found) {
    const own = limits ? shrunk(layer, limits.flops, limits.elements) : layer;
    if (!distinct.has(keyOf(own))) distinct.set(keyOf(own), { layer: own, flops: layerFlops(layer) });
  }
  // Of each kind the one that costs most at full size stands for all.
  const heaviest = new Map<string, Layer>();
  for (const { layer } of [...distinct.values()].sort((a, b) => a.flops - b.flops)) heaviest.set(kindOf(layer), layer);
  return [...distinct.values()].flatMap(({ layer }) =>
    passesOf(layer).map((pass): Case => {
      const name = `${nameOf(layer)} ${pass.name}`;
      return {
        name,
        group: "kernel",
        quick: heaviest.get(kindOf(layer)) === layer,
        flops: pass.flops,
        bytes: 4 * pass.elements,
        torch: { layer, pass: pass.name },
        prepare: (device) => prepare(device, name, pass),
      };
    }),
  );
}
