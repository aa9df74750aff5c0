// Copies of buffers in storage textures, which some dispatches read instead (plan/texels.ts), and their encoding.
import { TEXELS_IN_ROW, TEXEL_BYTES } from "../../kernels/texels.ts";

/** What a texture holds while dispatches read it, and the commands that put it there. */
export interface TexelCopy {
  readonly texture: GPUTexture;
  readonly commands: readonly Parameters<GPUCommandEncoder["copyBufferToTexture"]>[];
}

/** The copy of so many texels of a buffer, from `offset` bytes on. */
export function texelCopy(buffer: GPUBuffer, offset: number, texels: number, texture: GPUTexture): TexelCopy {
  const rows = Math.floor(texels / TEXELS_IN_ROW);
  const rest = texels % TEXELS_IN_ROW;
  const bytesPerRow = TEXELS_IN_ROW * TEXEL_BYTES;
  const commands: TexelCopy["commands"][number][] = [];
  if (rows > 0) commands.push([{ buffer, offset, bytesPerRow }, { texture }, [TEXELS_IN_ROW, rows]]);
  if (rest > 0) {
    const source = { buffer, offset: offset + rows * bytesPerRow, bytesPerRow };
    commands.push([source, { texture, origin: [0, rows] }, [rest, 1]]);
  }
  return { texture, commands };
}

/** The copies that a dispatch reads, and those that are out of date behind it, for it writes what they are of. */
export interface TexelUse {
  readonly reads: readonly TexelCopy[];
  readonly spoils: readonly TexelCopy[];
}

export const NO_TEXELS: TexelUse = { reads: [], spoils: [] };

/** Encodes the copies before the dispatches that read them, once for all that find them still there. */
export class TexelEncoder {
  readonly #held = new Map<GPUTexture, TexelCopy>();

  constructor(readonly encoder: GPUCommandEncoder) {}

  /** Whether a dispatch reads a copy that is yet to be made, outside of a pass. */
  lacks({ reads }: TexelUse): boolean {
    return reads.some((copy) => this.#held.get(copy.texture) !== copy);
  }

  /** Makes what a dispatch reads; outside of a pass. */
  bring({ reads }: TexelUse): void {
    for (const copy of reads) {
      if (this.#held.get(copy.texture) === copy) continue;
      this.#held.set(copy.texture, copy);
      for (const command of copy.commands) this.encoder.copyBufferToTexture(...command);
    }
  }

  /** The dispatch was encoded. */
  ran({ spoils }: TexelUse): void {
    for (const copy of spoils) if (this.#held.get(copy.texture) === copy) this.#held.delete(copy.texture);
  }
}
