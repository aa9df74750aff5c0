// Initial values of parameters, each from its own named stream: independent of the order of construction.
import { RandomStreams } from "./random.ts";
import type { Shape } from "./shape.ts";
import { sizeOf } from "./shape.ts";

/** Makes the initial values of a shape; `key` selects the random numbers that it draws. */
export type Initializer = (shape: Shape, key: number) => Float32Array;

/** Every element is `value`. */
export const constantInit =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);

/** N(mean, std²). */
export const normalInit =
  (std: number, mean = 0): Initializer =>
  (shape, key) =>
    RandomStreams.normals(key, sizeOf(shape)).map((v) => mean + std * v);

/** U(−bound, bound). */
export const uniformInit =
  (bound: number): Initializer =>
  (shape, key) => {
    const values = new Float32Array(sizeOf(shape));
    for (let i = 0; i < values.length; i++) values[i] = bound * (2 * RandomStreams.uniform(key, i) - 1);
    return values;
  };
