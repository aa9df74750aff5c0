// The text of a module whose workgroups are subgroups: what its invocations hand each other goes from lane to lane.
import { withElements } from "./elements.ts";

// Packed kernels have no spaces beside signs.
const HANDED = /^var<workgroup>\s*(handed\w*)\s*:\s*array<(\w+),\s*THREADS>;/gm;

/** Whether invocations hand on what others read once, from invocations as live as they: arrays named `handed…`. */
export const handsOn = (wgsl: string): boolean => wgsl.search(HANDED) >= 0;

/**
 * A module that hands on, for a device whose subgroups have `lanes` invocations: without workgroup memory and barrier
 * where a workgroup has as many, else as it is. Lines stay where they are behind a comment.
 */
export function throughLanes(wgsl: string, lanes: number): string {
  if (!new RegExp(`^const THREADS\\s*=\\s*${lanes}u;`, "m").test(wgsl)) return wgsl;
  const names = [...wgsl.matchAll(HANDED)].map(([, name]) => name!);
  const own = wgsl
    .replace(HANDED, "var<private> $1 : $2;")
    .replace(/\bworkgroupBarrier\(\);/, "")
    .replace(new RegExp(`\\b(${names.join("|")})\\[t\\]\\s*=(?!=)\\s*`, "g"), "$1 = ");
  const text = withElements(own, names, (name, index) => `subgroupShuffle(${name}, ${index})`);
  // Ahead of the first line's comment, which a packed text is without.
  const gap = text.startsWith("//") ? " " : "\n";
  return `enable subgroups; diagnostic(off, subgroup_uniformity);${gap}${text}`;
}
