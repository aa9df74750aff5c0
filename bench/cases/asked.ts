// An op at a shape that was asked for, and the small shapes at which every element of it is checked.
import { type Shape, UsageError } from "../../engine/index.ts";
import { ofRank } from "../../engine/shape.ts";
import type { ConvLayer, Layer, NormLayer, PoolLayer } from "./layers.ts";
import { adamPass, contextualPass, mapPass, matmulPass, sumPass } from "./op-passes.ts";
import type { Pass } from "./operands.ts";
import { passesOf } from "./passes.ts";

type Pair = readonly [y: number, x: number];

/** Sizes as a command line gives them; images are NHWC. */
export interface Sizes {
  readonly shape: Shape;
  /** [R, S, C/groups, K] of a convolution, [R, S] of a pool's window, [K, N] of a product's right matrix. */
  readonly filter?: Shape;
  readonly stride?: Pair;
  /** Above and left as below and right. Default: as many as keep the size at a stride of 1; 0 for pools. */
  readonly pad?: Pair;
  readonly dilation?: Pair;
  readonly groups?: number;
  readonly reflect?: boolean;
  readonly axes?: readonly number[];
  /** Height and width of what a resize gives. */
  readonly size?: Pair;
}

/** What a command line can ask for. */
export interface AskedOp {
  /** The dimensions of --shape, and of --filter where there is one. */
  readonly shape: string;
  readonly filter?: string;
  pass(sizes: Sizes): Pass;
  small(sizes: Sizes): Sizes[];
}

/** Few channels that are as divisible as many: 64 → 20, 66 → 22, and 3 → 3. */
const few = (c: number): number => (c <= 20 ? c : 20 + (c % 4));

/** Images of odd sizes that hold a filter's extent, with few channels. */
function smallImages(shape: Shape, [tall, wide]: Pair = [1, 1], channels = few(ofRank(shape, 4)[3])): Shape[] {
  return [
    [1, 6 + tall, 4 + wide, channels],
    [2, 8 + tall, 11 + wide, channels],
  ];
}

const needed = <T>(value: T | undefined, op: string, flag: string, what: string): T => {
  if (value === undefined) throw new UsageError(`${op} needs ${flag} ${what}`);
  return value;
};

function convLayer(op: string, sizes: Sizes): ConvLayer {
  const { shape, stride = [1, 1], dilation = [1, 1], groups = 1, reflect = false } = sizes;
  const filter = needed(sizes.filter, op, "--filter", "RxSxCxK");
  const [r, s, c] = ofRank(filter, 4);
  const channels = ofRank(shape, 4)[3];
  if (c * groups !== channels)
    throw new UsageError(
      `--filter ${filter.join("x")} takes ${c * groups} channels (its third size, times --groups ${groups}), ` +
        `--shape ${shape.join("x")} has ${channels}; make them equal`,
    );
  const [y, x] = sizes.pad ?? [Math.floor(((r - 1) * dilation[0]) / 2), Math.floor(((s - 1) * dilation[1]) / 2)];
  const pad = [y, x, y, x] as const;
  return { op: "conv", x: shape, w: filter, stride, pad, dilation, groups, padMode: reflect ? "reflect" : "zero" };
}

function smallConvs(sizes: Sizes): Sizes[] {
  const { shape, filter, dilation = [1, 1], groups = 1 } = sizes;
  const [r, s, c, k] = ofRank(filter!, 4);
  const less = { c: few(c), k: groups * few(k / groups) };
  const extent: Pair = [(r - 1) * dilation[0] + 1, (s - 1) * dilation[1] + 1];
  return smallImages(shape, extent, less.c * groups).map((x) => ({
    ...sizes,
    shape: x,
    filter: [r, s, less.c, less.k],
  }));
}

const conv = (op: string, pass: "fwd" | "dx" | "dw"): AskedOp => ({
  shape: "NxHxWxC",
  filter: "RxSxCxK",
  pass: (sizes) => layerPass(convLayer(op, sizes), pass),
  small: smallConvs,
});

const layerPass = (layer: Layer, name: string): Pass => passesOf(layer).find((pass) => pass.name === name)!;

function pool(op: PoolLayer["op"], pass: string): AskedOp {
  return {
    shape: "NxHxWxC",
    filter: "RxS",
    pass: ({ shape, filter, stride, pad = [0, 0] }) => {
      const [r, s] = ofRank(needed(filter, op, "--filter", "RxS"), 2);
      return layerPass({ op, x: shape, kernel: [r, s], stride: stride ?? [r, s], pad }, pass);
    },
    small: (sizes) => smallImages(sizes.shape, ofRank(sizes.filter!, 2)).map((shape) => ({ ...sizes, shape })),
  };
}

const norm = (op: NormLayer["op"], pass: string): AskedOp => ({
  shape: "NxHxWxC",
  pass: ({ shape }) => layerPass({ op, x: shape }, pass),
  small: ({ shape }) => smallImages(shape).map((x) => ({ shape: x })),
});

const resizing = (mode: "nearest" | "bilinear", pass: string): AskedOp => ({
  shape: "NxHxWxC",
  pass: ({ shape, size }) => {
    const [h, w] = needed(size, `resize-${mode}`, "--size", "HxW");
    return layerPass({ op: "resize", x: shape, size: [h, w], mode, alignCorners: false }, pass);
  },
  small: ({ shape, size }) => {
    const [, h, w] = ofRank(shape, 4);
    const scaled = (n: number, d: 0 | 1): number => Math.max(1, Math.round((n * size![d]) / (d === 0 ? h : w)));
    return smallImages(shape).map((x) => ({ shape: x, size: [scaled(x[1]!, 0), scaled(x[2]!, 1)] as const }));
  },
});

const OPS: Readonly<Record<string, AskedOp>> = {
  conv2d: conv("conv2d", "fwd"),
  "conv2d-input-grad": conv("conv2d-input-grad", "dx"),
  "conv2d-weight-grad": conv("conv2d-weight-grad", "dw"),
  matmul: {
    shape: "[Bx]MxK",
    filter: "KxN",
    pass: ({ shape, filter }) => {
      const right = needed(filter, "matmul", "--filter", "KxN, the right matrix");
      if (shape.at(-1) !== ofRank(right, 2)[0])
        throw new UsageError(
          `--shape ${shape.join("x")} has K = ${shape.at(-1)}, --filter ${right.join("x")} has K = ${right[0]}; ` +
            "make them equal",
        );
      return matmulPass(shape, right);
    },
    small: ({ filter }) => {
      const [k, n] = ofRank(filter!, 2);
      return [17, 67].map((m) => ({ shape: [m, few(k)], filter: [few(k), few(n)] }));
    },
  },
  "max-pool": pool("max-pool", "fwd"),
  "max-pool-grad": pool("max-pool", "fwd+bwd"),
  "avg-pool": pool("avg-pool", "fwd"),
  "avg-pool-grad": pool("avg-pool", "bwd"),
  "batch-norm": norm("batch-norm", "fwd"),
  "batch-norm-grad": norm("batch-norm", "fwd+bwd"),
  "instance-norm": norm("instance-norm", "fwd"),
  "instance-norm-grad": norm("instance-norm", "fwd+bwd"),
  "layer-norm": norm("layer-norm", "fwd"),
  "layer-norm-grad": norm("layer-norm", "fwd+bwd"),
  "resize-nearest": resizing("nearest", "fwd"),
  "resize-nearest-grad": resizing("nearest", "bwd"),
  "resize-bilinear": resizing("bilinear", "fwd"),
  "resize-bilinear-grad": resizing("bilinear", "bwd"),
  sum: {
    shape: "any sizes",
    pass: ({ shape, axes = shape.map((_, d) => d) }) => {
      if (!axes.every((d) => d < shape.length))
        throw new UsageError(`--axes ${axes.join()} names an axis that --shape ${shape.join("x")} does not have`);
      return sumPass(shape, axes);
    },
    small: ({ shape, axes }) => [{ shape: shape.map((n, d) => Math.min(n, [3, 7, 5, 20][d] ?? 3)), axes }],
  },
  map: {
    shape: "any sizes",
    pass: ({ shape }) => mapPass(shape),
    small: ({ shape }) => [{ shape: [5, 7, few(shape.at(-1)!)] }],
  },
  adam: {
    shape: "N, a multiple of 4",
    pass: ({ shape }) => {
      const [n] = ofRank(shape, 1);
      if (n % 4 !== 0) throw new UsageError(`--shape ${n}: Adam's arenas are a multiple of 4 long; give one`);
      return adamPass([n]);
    },
    small: () => [{ shape: [4] }, { shape: [1028] }],
  },
  contextual: {
    shape: "NxPOINTSxC",
    pass: ({ shape }) => contextualPass(ofRank(shape, 3)),
    small: ({ shape }) => [5, 133].map((points) => ({ shape: [2, points, few(ofRank(shape, 3)[2])] })),
  },
};

/** Names of the ops, and their sizes in words. */
export const askedOps = (): { readonly name: string; readonly sizes: string }[] =>
  Object.entries(OPS).map(([name, { shape, filter }]) => ({
    name,
    sizes: `--shape ${shape}${filter ? ` --filter ${filter}` : ""}`,
  }));
export const isAsked = (op: string): boolean => op in OPS;

/** Each op that images are enough for, at small ones. */
export const askedOfImages = (): Asked[] =>
  Object.entries(OPS)
    .filter(([, { shape, filter }]) => shape === "NxHxWxC" && !filter)
    .map(([op]) => asked(op, { shape: [2, 8, 8, 8], size: [16, 16] }));

export interface Asked {
  readonly name: string;
  readonly pass: Pass;
  /** The same op at small shapes, with their sizes in words. */
  readonly small: readonly { readonly name: string; readonly pass: Pass }[];
}

/** Throws UsageError where a size is missing or does not fit the others, ShapeError where the op refuses it. */
export function asked(op: string, sizes: Sizes): Asked {
  const found = OPS[op]!;
  const rank = /^\w+(x\w+)+$/.test(found.shape) ? found.shape.split("x").length : sizes.shape.length;
  if (sizes.shape.length !== rank)
    throw new UsageError(`--shape ${sizes.shape.join("x")}: ${op} takes ${found.shape}, ${rank} sizes`);
  const wanted = found.filter?.split("x").length;
  if (sizes.filter && sizes.filter.length !== wanted)
    throw new UsageError(
      `--filter ${sizes.filter.join("x")}: ${op} takes ${found.filter ? `${found.filter}, ${wanted} sizes` : "none"}`,
    );
  return {
    name: [op, sizes.shape.join("x"), ...(sizes.filter ? [sizes.filter.join("x")] : [])].join(" "),
    pass: found.pass(sizes),
    small: found.small(sizes).map((s) => ({ name: s.shape.join("x"), pass: found.pass(s) })),
  };
}
