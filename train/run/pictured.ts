// Which slices of a set are worth a picture.
import type { Slices } from "../../data/slices.ts";

/** `count` slices with the largest masks, at most one a case as long as there are cases. */
export function slicesToPicture(set: Slices, count: number): number[] {
  const ranked = set.origins
    .slice(0, set.count)
    .map(({ id }, slice) => ({ slice, id, area: areaOf(set, slice) }))
    .sort((a, b) => b.area - a.area);
  const first = ranked.filter((r, i) => ranked.findIndex((q) => q.id === r.id) === i);
  const others = ranked.filter((r) => !first.includes(r));
  return [...first, ...others].slice(0, count).map((r) => r.slice);
}

function areaOf(set: Slices, slice: number): number {
  const mask = new Uint8Array(set.size ** 2);
  set.copyMask(slice, mask);
  return mask.reduce((area, k) => area + Number(k > 0), 0);
}
