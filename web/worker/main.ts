// The worker: everything long. The page asks by Comlink.
import { expose, proxy } from "comlink";
import { Device } from "../../engine/index.ts";
import { prepareLink } from "../link.ts";
import { Correcting } from "./correcting.ts";
import { Charts } from "./charts.ts";
import { Files } from "./files.ts";
import { StudioGpu } from "./gpu.ts";
import { Results } from "./results.ts";
import { RunStore } from "./run-store.ts";
import { Segmenting } from "./segmenting.ts";
import { BrowserStorage } from "./storage.ts";
import { Training } from "./training.ts";

const gpu = new StudioGpu();
const files = new Files();
const runs = new RunStore(new BrowserStorage(), navigator.locks);
const studio = {
  gpu: proxy(gpu),
  files: proxy(files),
  segmenting: proxy(new Segmenting(gpu, files)),
  correcting: proxy(new Correcting(files)),
  results: proxy(new Results(files)),
  /** Benches, and what they hold results against, are loaded when they are asked for. */
  async kernels() {
    const { Kernels } = await import("./kernels.ts");
    return proxy(new Kernels(navigator.gpu, navigator.userAgent));
  },
  charts: proxy(new Charts()),
  training: proxy(new Training(runs, files, () => Device.open(navigator.gpu))),
};
export type Studio = typeof studio;

prepareLink();
expose(studio);
