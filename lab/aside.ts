// Trial runs of a program: what they change is put back, and no counter moves.
import type { Feeds, OpenedProgram, Program } from "../engine/run/program.ts";
import { KeptAside } from "../engine/run/kept-aside.ts";
import { writeInputs } from "../engine/run/inputs.ts";

/**
 * What `work` gives, after which the program's variables and large outputs are as before. Meanwhile a copy of them is
 * kept on the GPU, and no other program may change them. Throws OutOfMemoryError, UsageError, and what `work` throws.
 */
export async function aside<T>(program: Program, work: (opened: OpenedProgram) => Promise<T>): Promise<T> {
  const { parts, made } = program.opened();
  const kept = await KeptAside.reserve(parts, made.places, made.changes);
  try {
    const opened = program.opened();
    kept.take();
    try {
      return await work(opened);
    } finally {
      kept.restore();
      await parts.gpu.device.queue.onSubmittedWorkDone();
    }
  } finally {
    kept.dispose();
  }
}

/** Submits a whole run with these feeds; `before` and `behind` encode what stands around its pass. */
export function submitRun(
  { parts, made, writeHost, encode }: OpenedProgram,
  feeds: Feeds,
  before: (encoder: GPUCommandEncoder) => void = () => {},
  behind: (encoder: GPUCommandEncoder) => void = () => {},
): void {
  const { gpu, name } = parts;
  gpu.guarded(name, () => {
    const encoder = gpu.device.createCommandEncoder({ label: `${name}: looked into` });
    writeInputs(parts, made.places, feeds, encoder);
    writeHost();
    before(encoder);
    encode(encoder);
    behind(encoder);
    gpu.submit(encoder.finish());
  });
}
