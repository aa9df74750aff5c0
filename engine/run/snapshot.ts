// What a program's owner can see of it, kept aside: its variables and the large outputs of its latest run.
import type { Gpu } from "../gpu/gpu.ts";
import { type Places, type ProgramParts, SMALL_OUTPUT, writtenBy } from "./build.ts";

/** A run of bytes of a buffer. */
interface Kept {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export class Snapshot {
  private constructor(
    readonly gpu: Gpu,
    readonly kept: readonly Kept[],
    readonly copies: readonly GPUBuffer[],
  ) {}

  /** Room for what a run of these dispatches would overwrite. Throws OutOfMemoryError. */
  static async of({ gpu, plan, outputs, name }: ProgramParts, places: Places): Promise<Snapshot> {
    const variables = [...writtenBy(plan)]
      .filter((s) => s.kind === "variable")
      .map((s): Kept => ({ ...places.get(s)!, bytes: wholeWords(s.bytes) }));
    const large = [...outputs.values()]
      .filter((t) => t.bytes > SMALL_OUTPUT)
      .map((t): Kept => {
        const { storage, offset } = plan.placeOf(t);
        const place = places.get(storage)!;
        return { buffer: place.buffer, offset: place.offset + offset, bytes: wholeWords(t.bytes) };
      });
    const kept = [...variables, ...large].filter((k) => k.bytes > 0);
    const copies: GPUBuffer[] = [];
    try {
      await gpu.scoped(`${name}: a copy of what it holds`, () => {
        for (const { bytes } of kept)
          copies.push(gpu.createBuffer(bytes, GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST, `${name}: kept`));
      });
    } catch (error) {
      for (const copy of copies) gpu.destroyBuffer(copy);
      throw error;
    }
    return new Snapshot(gpu, kept, copies);
  }

  /** Submits the copies of what the buffers hold now. */
  take(): void {
    this.#submit((encoder, { buffer, offset, bytes }, copy) =>
      encoder.copyBufferToBuffer(buffer, offset, copy, 0, bytes),
    );
  }

  /** Submits the copies back. */
  restore(): void {
    this.#submit((encoder, { buffer, offset, bytes }, copy) =>
      encoder.copyBufferToBuffer(copy, 0, buffer, offset, bytes),
    );
  }

  dispose(): void {
    for (const copy of this.copies) this.gpu.destroyBuffer(copy);
  }

  #submit(encode: (encoder: GPUCommandEncoder, kept: Kept, copy: GPUBuffer) => void): void {
    this.gpu.guarded("a copy", () => {
      const encoder = this.gpu.device.createCommandEncoder();
      this.kept.forEach((k, i) => encode(encoder, k, this.copies[i]!));
      this.gpu.submit(encoder.finish());
    });
  }
}

const wholeWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;
