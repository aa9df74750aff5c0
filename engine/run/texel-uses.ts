// Which copies in textures each dispatch of a plan reads, and which it leaves out of date.
import { type BoundMemory, contentKey, piecesOf, readSame } from "../fuse/memory.ts";
import { type TexelCopy, type TexelUse, texelCopy } from "../gpu/texels.ts";
import type { PlannedDispatch } from "../plan/plan.ts";
import { TEXEL_BYTES } from "../../kernels/texels.ts";

/** `entryOf` tells where what is bound stands; the same memory in the same texture is copied once. */
export function texelUses(
  dispatches: readonly PlannedDispatch[],
  entryOf: (of: BoundMemory) => { readonly resource: Required<GPUBufferBinding> },
  textures: readonly GPUTexture[],
): (d: PlannedDispatch) => TexelUse {
  const copyOf = (of: BoundMemory): TexelCopy => {
    const runs = piecesOf(of).map((memory) => {
      const { buffer, offset, size } = entryOf({ ...of, memory }).resource;
      return { buffer, offset, texels: size / TEXEL_BYTES };
    });
    return texelCopy(runs, textures[of.texture!]!);
  };
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
