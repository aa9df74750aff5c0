// Sums over ranks in half precision: each rank sums one part of the numbers for all, in f32, so that every number
// crosses the network twice, in 16 bits each time, and is rounded twice.
import { fromHalf, toHalf } from "../engine/index.ts";
import type { Ranks } from "./ranks.ts";

/** A part begins with its scale: an f32 in two words. */
const SCALE = 2;

/**
 * Σ values over the ranks. Each part of each rank is sent in units of a power of two of its own: a number within 2⁻²⁸
 * of the largest of its part keeps 11 bits, a smaller one fewer, and below 2⁻³⁹ of it none. What is not finite makes
 * all of its part NaN.
 */
export async function halfSum(values: Float32Array<ArrayBuffer>, ranks: Ranks): Promise<Float32Array<ArrayBuffer>> {
  const { size, rank } = ranks;
  const length = Math.ceil(values.length / size);
  const stride = length + SCALE;
  const partOf = (part: number): Float32Array => values.subarray(part * length, (part + 1) * length);
  const sent = new Uint16Array(size * stride);
  for (let r = 0; r < size; r++) compress(partOf(r), sent.subarray(r * stride, (r + 1) * stride));
  const received = await ranks.allToAll(sent);
  const own = new Float32Array(partOf(rank).length);
  for (let r = 0; r < size; r++) addCompressed(received.subarray(r * stride, (r + 1) * stride), own);
  const mine = new Uint16Array(stride);
  compress(own, mine);
  const all = await ranks.allGather(mine);
  const sums = new Float32Array(values.length);
  for (let r = 0; r < size; r++)
    addCompressed(all.subarray(r * stride, (r + 1) * stride), sums.subarray(r * length, (r + 1) * length));
  return sums;
}

/** Writes values behind the power of two that they are divided by. */
function compress(values: Float32Array, into: Uint16Array): void {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    // NaN compares false: it is made the largest by hand.
    if (!(magnitude <= largest)) largest = magnitude;
    if (!Number.isFinite(magnitude)) break;
  }
  const scale = Number.isFinite(largest) && largest > 0 ? 2 ** (Math.floor(Math.log2(largest)) - 13) : largest;
  const bits = new Uint32Array(Float32Array.of(scale).buffer)[0]!;
  into[0] = bits & 0xffff;
  into[1] = bits >>> 16;
  const rate = scale > 0 && Number.isFinite(scale) ? 1 / scale : 0;
  for (let i = 0; i < values.length; i++) into[SCALE + i] = toHalf(values[i]! * rate);
}

/** Adds what `compress` wrote to `sums`. */
function addCompressed(part: Uint16Array, sums: Float32Array): void {
  const scale = new Float32Array(Uint32Array.of(part[0]! | (part[1]! << 16)).buffer)[0]!;
  for (let i = 0; i < sums.length; i++) sums[i]! += fromHalf(part[SCALE + i]!) * (Number.isFinite(scale) ? scale : NaN);
}
