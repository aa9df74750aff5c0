// The page of the experiment "page": trains a tiny net until it is told that it is enough, and tells after each epoch
// what it holds.
import { UnpairedBatches } from "../../data/batches.ts";
import { Device } from "../../engine/index.ts";
import { Training } from "../../train/loop.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { tinyRegime } from "./tiny-net.ts";

/** What a page holds after an epoch. */
export interface Held {
  /** Bytes of JavaScript's heap, collected. */
  readonly heap: number;
  /** Of the device: buffers, bytes, pipelines, bind groups. */
  readonly gpu: string;
}

declare global {
  /** Tells the process that opened the page; whether it goes on. */
  function tellHeld(held: Held): Promise<boolean>;
}

export async function trainInPage(stepsPerEpoch: number): Promise<void> {
  using device = await Device.open(navigator.gpu);
  const batches = new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 1, seed: 5, steps: stepsPerEpoch });
  const validation = discs(4, 9, 0.3);
  using training = await Training.create(device, tinyRegime(), batches, { epochs: 1e6, validation, watch: true });
  const stop = new AbortController();
  const onEpoch = async (): Promise<void> => {
    globalThis.gc?.();
    const { usedJSHeapSize } = (performance as Performance & { memory: { usedJSHeapSize: number } }).memory;
    const { buffers, bytes, pipelines, bindGroups } = device.counters;
    const gpu = `${buffers} buffers, ${bytes} bytes, ${pipelines} pipelines, ${bindGroups} bind groups`;
    if (!(await tellHeld({ heap: usedJSHeapSize, gpu }))) stop.abort();
  };
  await training.run({ onEpoch, save: async () => {} }, stop.signal);
}
