// Copies of buffers in storage textures, which some dispatches read instead (plan/texels.ts), and their encoding.
import { TEXELS_IN_ROW, TEXEL_BYTES } from "../../kernels/texels.ts";

/** What a texture holds while dispatches read it, and the commands that put it there. */
export interface TexelCopy {
  readonly texture: GPUTexture;
  readonly commands: readonly Parameters<GPUCommandEncoder["copyBufferToTexture"]>[];
}

/** So many texels of a buffer, from `offset` bytes on. */
export interface TexelRun {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly texels: number;
}

const ROW_BYTES = TEXELS_IN_ROW * TEXEL_BYTES;

/** The copy of these, each from the next row of the texture on. */
export function texelCopy(runs: readonly TexelRun[], texture: GPUTexture): TexelCopy {
  const commands: TexelCopy["commands"][number][] = [];
  let row = 0;
  for (const { buffer, offset, texels } of inOne(runs)) {
    const rows = Math.floor(texels / TEXELS_IN_ROW);
    const rest = texels % TEXELS_IN_ROW;
    const copy = (done: number, size: [number, number]): void => {
      const source = { buffer, offset: offset + done * ROW_BYTES, bytesPerRow: ROW_BYTES };
      commands.push([source, { texture, origin: [0, row + done] }, size]);
    };
    if (rows > 0) copy(0, [TEXELS_IN_ROW, rows]);
    if (rest > 0) copy(rows, [rest, 1]);
    row += rows + Math.ceil(rest / TEXELS_IN_ROW);
  }
  return { texture, commands };
}

/** Runs of whole rows that follow each other in a buffer, as one. */
function inOne(runs: readonly TexelRun[]): TexelRun[] {
  const joined: TexelRun[] = [];
  for (const run of runs) {
    const last = joined.at(-1);
    const follows =
      last?.buffer === run.buffer &&
      last.texels % TEXELS_IN_ROW === 0 &&
      last.offset + last.texels * TEXEL_BYTES === run.offset;
    if (follows) joined[joined.length - 1] = { ...last, texels: last.texels + run.texels };
    else joined.push(run);
  }
  return joined;
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
