// The worker: has the GPU's device and the model, and segments one volume after another. What goes wrong is posted as
// plain data, from which the page makes a CmedlError again.
import { CmedlError, Device } from "cmedl";
import { parseNifti } from "cmedl/data";
import { Segmenter, loadModel } from "cmedl/inference";
import type { Answer, Question } from "./main.ts";

const tell = (answer: Answer, transfer: Transferable[] = []): void => self.postMessage(answer, { transfer });
const running = new Map<number, AbortController>();
let device: Promise<Device> | undefined;
let ready: Promise<Segmenter> | undefined;

async function answer({ id, ...question }: Question): Promise<void> {
  if ("stop" in question) return running.get(id)?.abort();
  const controller = new AbortController();
  const { signal } = controller;
  running.set(id, controller);
  try {
    if ("model" in question) {
      const before = ready;
      device ??= Device.open(navigator.gpu);
      ready = device.then((gpu) => Segmenter.open(gpu, loadModel(question.model), { signal }));
      (await before?.catch(() => undefined))?.dispose();
      await ready;
      return tell({ id, done: true });
    }
    const segmenter = await ready!;
    const onProgress = ({ done, total }: { done: number; total: number }): void => tell({ id, part: done / total });
    const mask = await segmenter.segment(parseNifti(question.nifti, "the volume"), { signal, onProgress });
    tell({ id, mask }, [mask.buffer]);
  } catch (error) {
    tell({ id, error: CmedlError.from(error).toJSON(), aborted: signal.aborted });
  } finally {
    running.delete(id);
  }
}

self.onmessage = ({ data }: MessageEvent<Question>) => void answer(data);
