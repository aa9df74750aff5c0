// Which copies in textures each dispatch of a plan reads, and which it leaves out of date.
import { type BoundMemory, contentKey, piecesOf, readSame } from "../fuse/memory.ts";
import type { TexelCopy, TexelUse } from "../gpu/texels.ts";
import type { PlannedDispatch } from "../plan/plan.ts";

/** `copyOf` makes the copy that a binding reads; the same memory in the same texture has one. */
export function texelUses(
  dispatches: readonly PlannedDispatch[],
  copyOf: (of: BoundMemory) => TexelCopy,
): (d: PlannedDispatch) => TexelUse {
  const byContent = new Map<unknown, { readonly of: BoundMemory; readonly copy: TexelCopy }[]>();
  const copiesOf = (of: BoundMemory) => piecesOf(of).flatMap(({ content }) => byContent.get(contentKey(content)) ?? []);
  const known = (of: BoundMemory): TexelCopy | undefined =>
    copiesOf(of).find((c) => c.of.texture === of.texture && readSame(c.of, of))?.copy;
  const made = (of: BoundMemory): TexelCopy => {
    const copy = copyOf(of);
    for (const key of new Set(piecesOf(of).map(({ content }) => contentKey(content))))
      byContent.set(key, [...(byContent.get(key) ?? []), { of, copy }]);
    return copy;
  };
  const reads = new Map<PlannedDispatch, TexelCopy[]>();
  for (const d of dispatches) {
    const own = d.memory.filter((m) => m.texture !== undefined);
    reads.set(
      d,
      own.map((of) => known(of) ?? made(of)),
    );
  }
  return (d) => ({
    reads: reads.get(d)!,
    spoils: d.memory.filter((m) => m.access === "read_write").flatMap((m) => copiesOf(m).map(({ copy }) => copy)),
  });
}
