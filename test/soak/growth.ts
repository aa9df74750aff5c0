// A long loop of small steps: memory of the process and of the GPU, handles and the time of a step stay as they are.
import { Device } from "../../engine/index.ts";
import { Training } from "../../train/loop.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { environment } from "../helpers/environment.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { type Soak, Tally, must, quantile } from "./soak.ts";
import { tinyRegime } from "./tiny-net.ts";

const STEPS_AN_EPOCH = 200;
/** Epochs that are not judged: caches fill, and the compiler of the language still works. */
const WARM = 3;
/** Of fewer epochs the memory's slope is told and not judged: allocators grow in steps. */
const JUDGED = 60;
/** A slope of the resident memory that many epochs must not have, in bytes an epoch. */
const MOST_BYTES = 64 * 1024;
const MOST_DRIFT = 0.05;

export const growth: Soak = {
  name: "growth",
  tries: "epochs of 200 steps with validation and a checkpoint each, one after the other",
  share: 5,
  run: async (budget) => {
    const tally = new Tally();
    using device = await Device.open((await environment().gpu()).gpu);
    const epochs = budget.most === Infinity ? 100_000 : 2;
    const steps = budget.most === Infinity ? STEPS_AN_EPOCH : 20;
    const batches = new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 1, seed: 5, steps });
    const validation = discs(4, 9, 0.3);
    using training = await Training.create(device, tinyRegime(), batches, { epochs, validation, watch: true });
    const stop = new AbortController();
    const rss: number[] = [];
    const heap: number[] = [];
    const own: number[] = [];
    const gpu = new Set<string>();
    const handles = new Set<number>();
    let cpu = process.cpuUsage();
    await training.run(
      {
        onEpoch: () => {
          globalThis.gc?.();
          const { user, system } = process.cpuUsage(cpu);
          cpu = process.cpuUsage();
          own.push((user + system) / 1000 / steps);
          rss.push(process.memoryUsage().rss);
          heap.push(process.memoryUsage().heapUsed);
          const { buffers, bytes, pipelines, bindGroups } = device.counters;
          if (rss.length > WARM || epochs === 2) {
            gpu.add(`${buffers} buffers, ${bytes} bytes, ${pipelines} pipelines, ${bindGroups} bind groups`);
            handles.add(process.getActiveResourcesInfo().length);
          }
          if (budget.leftMs <= 0) stop.abort();
        },
        save: async () => {},
      },
      stop.signal,
    );
    const done = rss.length;
    tally.tried = done * steps;
    await tally.try("memory of the GPU", () => must(gpu.size === 1, `was ${[...gpu].join("; ")}`));
    if (done > 4 * WARM) {
      const late = rss.slice(done >> 1);
      const slope = slopeOf(late);
      tally.note(
        `resident memory ${mib(rss[WARM]!)} → ${mib(rss.at(-1)!)} MiB, ${Math.round(slope / 1024)} KiB an epoch in its second half`,
      );
      tally.note(`heap ${mib(heap[WARM]!)} → ${mib(heap.at(-1)!)} MiB; handles ${[...handles].join(", ")}`);
      if (done >= JUDGED)
        await tally.try("resident memory", () =>
          must(slope < MOST_BYTES, `grows by ${Math.round(slope / 1024)} KiB an epoch`),
        );
      const half = own.slice(WARM);
      const [early, later] = [half.slice(0, half.length >> 1), half.slice(half.length >> 1)].map((h) =>
        quantile(h, 0.5),
      );
      const drift = later! / early! - 1;
      tally.note(`work of a step ${early!.toFixed(2)} → ${later!.toFixed(2)} ms`);
      await tally.try("work of a step", () => must(drift < MOST_DRIFT, `became ${(100 * drift).toFixed(1)} % more`));
      await tally.try("handles", () =>
        must(Math.max(...handles) - Math.min(...handles) <= 2, `were ${[...handles].join(", ")}`),
      );
    } else tally.note(`${done} epochs are too few to tell a slope`);
    return tally;
  },
};

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** Of a line through the values (least squares). */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const above = values.reduce((sum, v, i) => sum + (i - middle) * (v - mean), 0);
  return above / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}
