// Engine devices, one of them for all tests of a process, and constants to compute with.
import { Device } from "../../engine/run/device.ts";
import { Variable } from "../../engine/variable.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { DType } from "../../engine/dtype.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { environment } from "./environment.ts";

/** A device of the test's own, with other traits where they are given. */
export async function openDevice(traits: Partial<Traits> = {}): Promise<Device> {
  return Device.open((await environment().gpu()).gpu, { traits: { ...environment().traits, ...traits } });
}

let shared: Promise<Device> | undefined;
export const device = (): Promise<Device> => (shared ??= openDevice());

/** A tensor that holds given values. */
export const tensor = (
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
  dtype: DType = "f32",
): Tensor => new Variable(shape, data, { dtype, trainable: false, name: "data" }).value;

/** Deterministic values in [-1, 1): an LCG, for test inputs. */
export function noise(n: number, seed = 1, scale = 1): Float32Array {
  let s = seed >>> 0;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return (s / 2 ** 31 - 1) * scale;
  });
}

/** Largest |got − want|, relative to the largest |want|. NaN where both are NaN counts as equal. */
export function worst(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let most = 0;
  let scale = 0;
  for (let i = 0; i < want.length; i++) {
    if (Number.isNaN(want[i]) && Number.isNaN(got[i])) continue;
    if (want[i] === got[i]) continue;
    const d = Math.abs(got[i] - want[i]);
    most = Math.max(most, Number.isNaN(d) ? Infinity : d);
    if (Number.isFinite(want[i])) scale = Math.max(scale, Math.abs(want[i]));
  }
  return most === 0 ? 0 : most / (scale || 1);
}
