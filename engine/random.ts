// Counter-based random numbers: a value is a hash of (stream key, step, index), so order and workers never matter.
// Hash: pcg3d of Jarzynski & Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020.
import type { ElementwiseOp } from "./op.ts";
import type { Shape } from "./shape.ts";
import { hostInput, iota } from "./constant.ts";
import { type Tensor, apply } from "./tensor.ts";
import { ranks } from "./trace.ts";
import { expand } from "./ops/broadcast.ts";

const MUL = 1664525;
const INC = 1013904223;

/** Three u32 hashed to one; the same integers as `pcg3d_` in WGSL. */
export function pcg3d(x: number, y: number, z: number): number {
  x = (Math.imul(x, MUL) + INC) | 0;
  y = (Math.imul(y, MUL) + INC) | 0;
  z = (Math.imul(z, MUL) + INC) | 0;
  x = (x + Math.imul(y, z)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  return (x + Math.imul(y, z)) >>> 0;
}

const pcg3dWgsl = `fn pcg3d_(a: U, b: U, c: U) -> U {
  var x = a * U(${MUL}u) + U(${INC}u);
  var y = b * U(${MUL}u) + U(${INC}u);
  var z = c * U(${MUL}u) + U(${INC}u);
  x += y * z; y += z * x; z += x * y;
  x ^= x >> U(16u); y ^= y >> U(16u); z ^= z >> U(16u);
  return x + y * z;
}`;

/** The named streams of one seed: init, shuffle, augment, dropout, latent, … Each name gives an independent key. */
export class RandomStreams {
  constructor(readonly seed: number) {}
  /** A u32 key for a stream and further names or counters. */
  key(...path: (string | number)[]): number {
    let h = this.seed >>> 0;
    for (const part of path) {
      if (typeof part === "number") h = pcg3d(h, part >>> 0, 0x9e3779b9);
      else for (let i = 0; i < part.length; i++) h = pcg3d(h, part.charCodeAt(i), i + 1);
    }
    return h;
  }
  /** Uniform in [0, 1): the n-th number of the stream `key`. */
  static uniform(key: number, n: number): number {
    return pcg3d(key, n >>> 0, 0x85ebca6b) / 2 ** 32;
  }
  /** `n` standard normal numbers of the stream `key` (Box–Muller). */
  static normals(key: number, n: number): Float32Array {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const r = Math.sqrt(-2 * Math.log(1 - RandomStreams.uniform(key, i)));
      const a = 2 * Math.PI * RandomStreams.uniform(key, i + 1);
      out[i] = r * Math.cos(a);
      if (i + 1 < n) out[i + 1] = r * Math.sin(a);
    }
    return out;
  }
}

interface HashAttrs {
  salt: number;
}
export const uniformOp: ElementwiseOp<HashAttrs> = {
  kind: "elementwise",
  name: "random-uniform",
  flops: 12,
  functions: { pcg3d_: pcg3dWgsl },
  // 24 high bits: every value is exact in f32 and below 1.
  wgsl: ([i, key], { salt }) => `(F(pcg3d_(${i}, ${key}, U(${salt >>> 0}u)) >> U(8u)) * F(5.9604645e-8))`,
  infer: ([i]) => [{ shape: i.shape, dtype: "f32" }],
};

/** Uniform [0, 1) of `shape` from a u32 scalar tensor `key`; `salt` tells apart several uses of one key. */
export const randomUniform = (shape: Shape, key: Tensor, salt = 0): Tensor => {
  const i = ranks()?.places(shape) ?? iota(shape);
  return apply(uniformOp, [i, expand(key, shape)], { salt });
};

/** A u32 scalar that is new at each run: stream `key` hashed with the program's run count given by `step`. */
export const stepKey = (name: string, key: number, step: () => number): Tensor =>
  hostInput(name, [], () => [pcg3d(key, step() >>> 0, 0x27d4eb2f)], "u32");
