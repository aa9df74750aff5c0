// What peers are measured on: single layers, a U-Net step and the contextual loss. Everything NHWC and RSCK; an
// engine that wants another layout turns its operands before and its results after, outside the time.
import type { Shape } from "../../engine/index.ts";
import { type ConvLayer, layerFlops } from "../cases/layers.ts";
import { uniform } from "../measure/statistics.ts";

export interface Operand {
  readonly shape: Shape;
  readonly seed: number;
  readonly scale: number;
  readonly offset?: number;
}

export type Work =
  | { readonly kind: "matmul" }
  | { readonly kind: "conv"; readonly layer: ConvLayer; readonly want: "y" | "dx" | "dw" | "dx and dw" }
  | { readonly kind: "norm"; readonly op: "batch-norm" | "instance-norm"; readonly want: "y" | "gradients" }
  | { readonly kind: "max-pool"; readonly want: "y" | "dx" }
  | { readonly kind: "contextual"; readonly want: "loss" | "loss and dx" }
  | { readonly kind: "unet"; readonly want: "y" | "step" };

export interface PeerCase {
  readonly name: string;
  readonly flops: number;
  readonly work: Work;
  readonly operands: Readonly<Record<string, Operand>>;
}

/** The operand's values, row-major. */
export const valuesOf = ({ shape, seed, scale, offset = 0 }: Operand): Float32Array =>
  uniform(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ).map((v) => v * scale + offset);

/** A step moves its parameters: it is checked by the losses of this many. */
export const CHECKED_STEPS = 3;

export const UNET = {
  base: 16,
  levels: 4,
  batch: 2,
  size: 64,
  rate: 1e-3,
  betas: [0.9, 0.999],
  adamEps: 1e-8,
  eps: 1e-5,
} as const;

/**
 * The U-Net of the peers: levels of twice conv 3×3 without bias, batch norm, ReLU; 2×2 max pools down; up by nearest
 * ×2, conv 3×3 with bias, joined before the skip. Parameters by name: e0 … e3 down, u2 … u0 and d2 … d0 up, head.
 */
export function unetParameters(): Record<string, Operand> {
  const all: Record<string, Operand> = {};
  let seed = 1000;
  const conv = (name: string, r: number, c: number, k: number): void => {
    all[`${name}.w`] = { shape: [r, r, c, k], seed: seed++, scale: Math.sqrt(6 / (r * r * c)) };
  };
  const block = (name: string, c: number, k: number): void => {
    for (const [i, from] of [
      [1, c],
      [2, k],
    ] as const) {
      conv(`${name}.c${i}`, 3, from, k);
      all[`${name}.n${i}.g`] = { shape: [k], seed: seed++, scale: 0.25, offset: 1 };
      all[`${name}.n${i}.b`] = { shape: [k], seed: seed++, scale: 0.25 };
    }
  };
  const { base, levels } = UNET;
  const at = (i: number): number => base * 2 ** i;
  for (let i = 0; i < levels; i++) block(`e${i}`, i === 0 ? 1 : at(i - 1), at(i));
  for (let i = levels - 2; i >= 0; i--) {
    conv(`u${i}`, 3, at(i + 1), at(i));
    all[`u${i}.b`] = { shape: [at(i)], seed: seed++, scale: 0.1 };
    block(`d${i}`, at(i + 1), at(i));
  }
  conv("head", 1, base, 1);
  all["head.b"] = { shape: [1], seed: seed++, scale: 0.1 };
  return all;
}

/** What a U-Net is made of in an engine whose tensors are T. */
export interface UnetOps<T> {
  conv(x: T, w: T): T;
  addBias(x: T, b: T): T;
  normRelu(x: T, g: T, b: T): T;
  pool(x: T): T;
  up(x: T): T;
  join(a: T, b: T): T;
  /** One more use of a value, for engines that count them. */
  use(x: T): T;
}

/** Logits of an image: the same wiring for every engine. `p` gives a parameter by name, once each. */
export function unetForward<T>(o: UnetOps<T>, image: T, p: (name: string) => T): T {
  const block = (x: T, name: string): T => {
    for (const i of [1, 2]) x = o.normRelu(o.conv(x, p(`${name}.c${i}.w`)), p(`${name}.n${i}.g`), p(`${name}.n${i}.b`));
    return x;
  };
  const skips: T[] = [];
  let x = image;
  for (let i = 0; i < UNET.levels; i++) {
    if (i > 0) x = o.pool(x);
    x = block(x, `e${i}`);
    if (i < UNET.levels - 1) skips.push(o.use(x));
  }
  for (let i = UNET.levels - 2; i >= 0; i--) {
    x = o.addBias(o.conv(o.up(x), p(`u${i}.w`)), p(`u${i}.b`));
    x = block(o.join(x, skips[i]!), `d${i}`);
  }
  return o.addBias(o.conv(x, p("head.w")), p("head.b"));
}

/** 2 · multiply–adds of its convolutions, forward. */
function unetFlops(): number {
  const pixels = (i: number): number => UNET.batch * (UNET.size >> i) ** 2;
  return Object.entries(unetParameters()).reduce((n, [name, { shape }]) => {
    if (!name.endsWith(".w")) return n;
    const level = name === "head.w" ? 0 : Number(name[1]);
    return n + 2 * shape.reduce((a, b) => a * b, 1) * pixels(level);
  }, 0);
}

const operand = (shape: Shape, seed: number, scale = 1, offset = 0): Operand => ({ shape, seed, scale, offset });

function convCases(
  name: string,
  c: number,
  k: number,
  size: number,
  filter: number,
  {
    stride = 1,
    pad = (filter - 1) / 2,
    dilation = 1,
    padMode = "zero",
  }: { stride?: number; pad?: number; dilation?: number; padMode?: ConvLayer["padMode"] } = {},
): PeerCase[] {
  const layer: ConvLayer = {
    op: "conv",
    x: [1, size, size, c],
    w: [filter, filter, c, k],
    stride: [stride, stride],
    pad: [pad, pad, pad, pad],
    dilation: [dilation, dilation],
    groups: 1,
    padMode,
  };
  const out = size / stride;
  const x = operand(layer.x, 1);
  const w = operand(layer.w, 2, 0.1);
  const dy = operand([1, out, out, k], 3);
  return [
    { name: `${name} fwd`, flops: layerFlops(layer), work: { kind: "conv", layer, want: "y" }, operands: { x, w } },
    { name: `${name} dx`, flops: layerFlops(layer), work: { kind: "conv", layer, want: "dx" }, operands: { x, w, dy } },
    { name: `${name} dw`, flops: layerFlops(layer), work: { kind: "conv", layer, want: "dw" }, operands: { x, w, dy } },
  ];
}

function transposedCases(): PeerCase[] {
  const layer: ConvLayer = {
    op: "conv-transpose",
    x: [1, 32, 32, 64],
    w: [3, 3, 32, 64],
    stride: [2, 2],
    pad: [1, 1, 0, 0],
    dilation: [1, 1],
    groups: 1,
    padMode: "zero",
  };
  const operands = { x: operand(layer.x, 1), w: operand(layer.w, 2, 0.1) };
  const flops = layerFlops(layer);
  return [
    { name: "convT 3×3 64→32 @32×32 /2 fwd", flops, work: { kind: "conv", layer, want: "y" }, operands },
    {
      name: "convT 3×3 64→32 @32×32 /2 dx+dw",
      flops: 2 * flops,
      work: { kind: "conv", layer, want: "dx and dw" },
      operands: { ...operands, dy: operand([1, 64, 64, 32], 3) },
    },
  ];
}

function mapCases(): PeerCase[] {
  const shape = [1, 128, 128, 64];
  const x = operand(shape, 21, 2, 0.5);
  const dy = operand(shape, 24);
  const affine = { weight: operand([64], 22, 0.5, 1), bias: operand([64], 23, 0.5) };
  const features = { x: operand([1, 32, 32, 256], 51, 1, 0.2), y: operand([1, 32, 32, 256], 52, 1, 0.1) };
  return [
    ...(["instance-norm", "batch-norm"] as const).flatMap((op): PeerCase[] => [
      { name: `${op} 64 @128×128 fwd`, flops: 0, work: { kind: "norm", op, want: "y" }, operands: { x, ...affine } },
      {
        name: `${op} 64 @128×128 fwd+bwd`,
        flops: 0,
        work: { kind: "norm", op, want: "gradients" },
        operands: { x, ...affine, dy },
      },
    ]),
    {
      name: "max-pool 2×2 64 @128×128 fwd",
      flops: 0,
      work: { kind: "max-pool", want: "y" },
      operands: { x: operand(shape, 35) },
    },
    {
      name: "max-pool 2×2 64 @128×128 fwd+bwd",
      flops: 0,
      work: { kind: "max-pool", want: "dx" },
      operands: { x: operand(shape, 35), dy: operand([1, 64, 64, 64], 32) },
    },
    {
      name: "contextual 1024 points 256 fwd",
      flops: 2 * 1024 * 1024 * 256,
      work: { kind: "contextual", want: "loss" },
      operands: features,
    },
    {
      name: "contextual 1024 points 256 fwd+bwd",
      flops: 4 * 1024 * 1024 * 256,
      work: { kind: "contextual", want: "loss and dx" },
      operands: features,
    },
  ];
}

const matmul = (n: number): PeerCase => ({
  name: `matmul ${n}`,
  flops: 2 * n ** 3,
  work: { kind: "matmul" },
  operands: { a: operand([n, n], 11), b: operand([n, n], 12) },
});

export const PEER_CASES: readonly PeerCase[] = [
  matmul(512),
  matmul(1024),
  ...convCases("conv 3×3 64→64 @64×64", 64, 64, 64, 3),
  ...convCases("conv 3×3 128→128 @32×32", 128, 128, 32, 3),
  ...convCases("conv 4×4 64→128 @64×64 /2", 64, 128, 64, 4, { stride: 2, pad: 1 }),
  ...convCases("conv 7×7 1→64 @128×128 reflect", 1, 64, 128, 7, { padMode: "reflect" }),
  ...convCases("conv 7×7 64→1 @128×128 reflect", 64, 1, 128, 7, { padMode: "reflect" }),
  ...convCases("conv 3×3 64→64 @64×64 d2", 64, 64, 64, 3, { pad: 2, dilation: 2 }),
  ...transposedCases(),
  ...mapCases(),
  {
    name: "unet fwd",
    flops: unetFlops(),
    work: { kind: "unet", want: "y" },
    operands: { image: operand([UNET.batch, UNET.size, UNET.size, 1], 41) },
  },
  {
    name: "unet step",
    flops: 3 * unetFlops(),
    work: { kind: "unet", want: "step" },
    operands: {
      image: operand([UNET.batch, UNET.size, UNET.size, 1], 41),
      target: operand([UNET.batch, UNET.size, UNET.size, 1], 42),
    },
  },
];

/** The step's target: 0 and 1. */
export const maskOf = (o: Operand): Float32Array => valuesOf(o).map((v) => Number(v > 0.3));
