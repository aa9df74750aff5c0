// The worker: has the GPU's device and the model, and segments one volume after another. What goes wrong is posted as
// plain data, from which the page makes a CmedlError again.
import { CmedlError, Device } from "cmedl";
import { parseNifti } from "cmedl/data";
import { Segmenter, loadModel } from "cmedl/inference";
import type { Answer, Question } from "./main.ts";

const tell = (answer: Answer, transfer: Transferable[] = []): void => self.postMessage(answer, { transfer });
const running = new Map<number, AbortController>();
let ready: Promise<Segmenter> | undefined;

async function answer({ id, ...question }: Question): Promise<void> {
  if ("stop" in question) return running.get(id)?.abort();
  const controller = new AbortController();
  running.set(id, controller);
  try {
    if ("model" in question) {
      ready = Device.open(navigator.gpu).then((device) => Segmenter.open(device, loadModel(question.model)));
      await ready;
      return tell({ id, done: true });
    }
    const segmenter = await ready!;
    const { signal } = controller;
    const onProgress = ({ done, total }: { done: number; total: number }): void => tell({ id, part: done / total });
    const mask = await segmenter.segment(parseNifti(question.nifti, "the volume"), { signal, onProgress });
    tell({ id, mask }, [mask.buffer]);
  } catch (error) {
    tell({ id, error: CmedlError.from(error).toJSON(), aborted: controller.signal.aborted });
  } finally {
    running.delete(id);
  }
}

self.onmessage = ({ data }: MessageEvent<Question>) => void answer(data);
