// How a problem whose tensors are larger than one binding may be is cut: into windows, each of which binds runs of
// them.
import type { BindingRoom, Run } from "./kernel.ts";

/** Items from `from` up to, not including, `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The least number of items of `each` elements after which a binding can start. */
export function alignedStep(each: number, { align }: BindingRoom): number {
  let step = 1;
  while ((step * each) % align !== 0) step *= 2;
  return step;
}

/** Ranges of at most `size` of `count` items. */
export const rangesOf = (count: number, size: number): Range[] =>
  Array.from({ length: Math.ceil(count / size) }, (_, i) => ({ from: i * size, to: Math.min(count, (i + 1) * size) }));

/**
 * The fewest ranges of `count` items that each fit one binding, where an item has so many elements of each tensor;
 * undefined where not even the least that can start a binding fits.
 */
export function rangesWithin(count: number, each: readonly number[], room: BindingRoom): Range[] | undefined {
  const size = Math.min(...each.map((e) => (e === 0 ? count : Math.floor(room.most / e))));
  if (size >= count) return [{ from: 0, to: count }];
  const step = Math.max(...each.map((e) => alignedStep(e, room)));
  const aligned = Math.floor(size / step) * step;
  return aligned > 0 ? rangesOf(count, aligned) : undefined;
}

/** The elements of a range of items of `each` elements. */
export const runOf = ({ from, to }: Range, each: number): Run => ({ first: from * each, count: (to - from) * each });
