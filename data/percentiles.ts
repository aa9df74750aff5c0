// Percentiles of voxels, by counting or by sorting.
import type { VoxelArray } from "./volume.ts";

/** How many voxels are NaN or infinite. */
export function nonFiniteCount(data: VoxelArray): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return 0;
  let count = 0;
  for (const v of data) if (!Number.isFinite(v)) count++;
  return count;
}

/** Percentiles (0 … 100) of all finite values, linear between neighbours in order. */
export function percentiles<P extends readonly number[]>(all: VoxelArray, which: P): { [K in keyof P]: number } {
  const data = nonFiniteCount(all) === 0 ? all : (all.filter(Number.isFinite) as VoxelArray);
  const few = data instanceof Uint8Array || data instanceof Int16Array || data instanceof Uint16Array;
  const ranked = few ? byCounting(data) : bySorting(data);
  const percentile = (p: number): number => {
    if (data.length === 0) return NaN;
    const position = (Math.min(100, Math.max(0, p)) / 100) * (data.length - 1);
    const below = Math.floor(position);
    const a = ranked(below);
    const b = ranked(Math.min(data.length - 1, below + 1));
    return a + (b - a) * (position - below);
  };
  return which.map(percentile) as { [K in keyof P]: number };
}

/** The value at a rank in order, found by counting how often each of few values occurs. */
function byCounting(data: Uint8Array | Int16Array | Uint16Array): (rank: number) => number {
  const offset = data instanceof Int16Array ? 32768 : 0;
  const counts = new Uint32Array(data instanceof Uint8Array ? 256 : 65536);
  for (let i = 0; i < data.length; i++) counts[data[i]! + offset]!++;
  return (rank) => {
    let value = 0;
    let seen = counts[0]!;
    while (seen <= rank) {
      value++;
      seen += counts[value]!;
    }
    return value - offset;
  };
}

function bySorting(data: VoxelArray): (rank: number) => number {
  const sorted = data.slice().sort();
  return (rank) => sorted[rank]!;
}
