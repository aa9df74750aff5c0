// What a program's owner can see of it, kept aside: its variables and the large outputs of its latest run.
import { bytesPerElement, wholeWords } from "../dtype.ts";
import type { Variable } from "../variable.ts";
import { type Places, type ProgramParts, SMALL_OUTPUT } from "./build.ts";
import type { BufferPlace } from "./variables.ts";

/** A run of bytes, and where it is by now. */
interface Kept {
  readonly bytes: number;
  place(): BufferPlace;
}

export class KeptAside {
  /** Where what was taken stood. */
  #taken: readonly BufferPlace[] = [];
  private constructor(
    readonly parts: ProgramParts,
    readonly kept: readonly Kept[],
    readonly copies: readonly GPUBuffer[],
  ) {}

  /** Room for these variables and for the large outputs. Throws OutOfMemoryError. */
  static async reserve(parts: ProgramParts, places: Places, changed: readonly Variable[]): Promise<KeptAside> {
    const { gpu, plan, outputs, name, variables } = parts;
    const ofVariables = changed.map(
      (v): Kept => ({ bytes: wholeWords(v.size * bytesPerElement(v.dtype)), place: () => variables.placeOf(v) }),
    );
    const ofOutputs = [...outputs.values()]
      .filter((t) => t.bytes > SMALL_OUTPUT)
      .map((t): Kept => {
        const { storage, offset } = plan.placeOf(t);
        const place = (): BufferPlace => {
          const start = places.get(storage)!;
          return { buffer: start.buffer, offset: start.offset + offset };
        };
        return { bytes: wholeWords(t.bytes), place };
      });
    const kept = [...ofVariables, ...ofOutputs].filter((k) => k.bytes > 0);
    const copies: GPUBuffer[] = [];
    try {
      await gpu.scoped(`${name}: a copy of what it holds`, () => {
        for (const { bytes } of kept)
          copies.push(gpu.createBuffer(bytes, GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST, `${name}: kept`));
      });
    } catch (error) {
      for (const copy of copies) gpu.destroy(copy);
      throw error;
    }
    return new KeptAside(parts, kept, copies);
  }

  /** Submits the copies of what the buffers hold now. */
  take(): void {
    this.#taken = this.kept.map((k) => k.place());
    this.#submit((encoder, { buffer, offset }, copy, bytes) =>
      encoder.copyBufferToBuffer(buffer, offset, copy, 0, bytes),
    );
  }

  /** Submits the copies back. */
  restore(): void {
    this.#submit((encoder, { buffer, offset }, copy, bytes) =>
      encoder.copyBufferToBuffer(copy, 0, buffer, offset, bytes),
    );
  }

  dispose(): void {
    for (const copy of this.copies) this.parts.gpu.destroy(copy);
  }

  #submit(encode: (encoder: GPUCommandEncoder, at: BufferPlace, copy: GPUBuffer, bytes: number) => void): void {
    const { gpu } = this.parts;
    gpu.guarded("a copy", () => {
      const encoder = gpu.device.createCommandEncoder({ label: "a copy" });
      this.kept.forEach(({ bytes }, i) => encode(encoder, this.#taken[i]!, this.copies[i]!, bytes));
      gpu.submit(encoder.finish());
    });
  }
}
