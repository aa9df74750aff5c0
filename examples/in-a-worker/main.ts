// The page: asks the worker by numbered messages; an AbortSignal becomes one, too.
import { CmedlError, type ErrorData } from "cmedl";
import type { Mask } from "cmedl/inference";

export type Question = { id: number } & ({ model: Uint8Array } | { nifti: Uint8Array } | { stop: true });
export type Answer = { id: number } & (
  | { part: number }
  | { done: true }
  | { mask: Mask }
  | { error: ErrorData; aborted: boolean }
);
type Options = { signal?: AbortSignal; onProgress?(part: number): void };

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
let asked = 0;

function ask(
  question: { model: Uint8Array } | { nifti: Uint8Array },
  options: Options = {},
): Promise<Mask | undefined> {
  const { signal, onProgress } = options;
  const id = asked++;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => worker.postMessage({ id, stop: true });
    const hear = ({ data }: MessageEvent<Answer>): void => {
      if (data.id !== id) return;
      if ("part" in data) onProgress?.(data.part);
      if ("part" in data) return;
      worker.removeEventListener("message", hear);
      signal?.removeEventListener("abort", stop);
      if ("error" in data) reject(data.aborted ? signal?.reason : CmedlError.from(data.error));
      else resolve("mask" in data ? data.mask : undefined);
    };
    worker.addEventListener("message", hear);
    signal?.addEventListener("abort", stop);
    worker.postMessage({ id, ...question });
  });
}

const bytesOf = async (file: string): Promise<Uint8Array> => new Uint8Array(await (await fetch(file)).arrayBuffer());
const said = document.querySelector("#said")!;
const controller = new AbortController();
document.querySelector("#stop")!.addEventListener("click", () => controller.abort());
try {
  const { signal } = controller;
  await ask({ model: await bytesOf("model.safetensors") }, { signal });
  const onProgress = (part: number): void => said.replaceChildren(`${(100 * part).toFixed(0)} %`);
  const mask = await ask({ nifti: await bytesOf("image.nii.gz") }, { signal, onProgress });
  said.textContent = `${mask!.filter(Boolean).length} voxels`;
} catch (error) {
  said.textContent = (error as Error).message;
}
