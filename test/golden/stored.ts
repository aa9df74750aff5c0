// Stored tensors in our layouts, and programs run on them.
import type { DType, Device, Mode, Tensor, TypedArray } from "../../engine/index.ts";
import { permuted } from "../../models/pytorch.ts";
import type { Stored } from "./comparison.ts";

/** Values with the shape they have here. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly dtype?: DType;
}

/** x with axis d taken from axis perm[d]. */
export const permutedTo = (x: Stored, perm: readonly number[]): Values => ({
  shape: perm.map((d) => x.shape[d]!),
  data: permuted(x.data, x.shape, perm),
});

/** Images [N, C, H, W] as [N, H, W, C]; everything else as it is. */
export const toNhwc = (x: Stored): Values => (x.shape.length === 4 ? permutedTo(x, [0, 2, 3, 1]) : x);

/** Runs `f` once on the values and gives its outputs. */
export async function runOn<I extends string, O extends string>(
  device: Device,
  values: Readonly<Record<I, Values>>,
  f: (inputs: Record<I, Tensor>) => Record<O, Tensor>,
  mode: Mode = "infer",
): Promise<Record<O, TypedArray>> {
  const specs = Object.fromEntries(
    Object.entries<Values>(values).map(([k, { shape, dtype = "f32" }]) => [k, { shape, dtype }]),
  ) as Record<I, { shape: readonly number[]; dtype: DType }>;
  using program = await device.compile<I, O>(f, specs, { mode });
  program.run(Object.fromEntries(Object.entries<Values>(values).map(([k, { data }]) => [k, data])));
  return await program.read();
}
