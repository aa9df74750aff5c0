// A long loop of small steps: memory of the process and of the GPU, handles and the time of a step stay as they are.
import { Device } from "../../engine/index.ts";
import { Training } from "../../train/loop.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { environment } from "../helpers/environment.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { JUDGED, MOST_BYTES, WARM, courseOf, growthOf, isFlat, mib } from "./flat.ts";
import { residentByKind } from "./mappings.ts";
import { type Soak, Tally, must, quantile } from "./soak.ts";
import { tinyRegime } from "./tiny-net.ts";

const STEPS = 100_000;
const STEPS_AN_EPOCH = 200;
const MOST_DRIFT = 0.05;

export const growth: Soak = {
  name: "growth",
  tries: "epochs of 200 steps with validation and a checkpoint each, for all the time that is left",
  seconds: 240,
  run: async (budget) => {
    const tally = new Tally();
    using device = await Device.open((await environment().gpu()).gpu);
    const epochs = budget.isShort ? 2 : 1e6;
    const steps = budget.isShort ? 20 : STEPS_AN_EPOCH;
    const batches = new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 1, seed: 5, steps });
    const validation = discs(4, 9, 0.3);
    using training = await Training.create(device, tinyRegime(), batches, { epochs, validation, watch: true });
    const stop = new AbortController();
    const seen = new Seen(device, steps, budget.isShort ? 0 : WARM);
    await training.run(
      {
        onEpoch: () => {
          seen.look();
          if (budget.leftMs <= 0) stop.abort();
        },
        save: async () => {},
      },
      stop.signal,
    );
    await seen.judge(tally);
    if (!budget.isShort) tally.count("steps", tally.tried, STEPS);
    return tally;
  },
};

/** What is seen of the process after each epoch. */
class Seen {
  readonly #rss: number[] = [];
  readonly #heap: number[] = [];
  /** Processor time of a step, in ms, the driver's threads with it. */
  readonly #own: number[] = [];
  readonly #gpu = new Set<string>();
  readonly #handles = new Set<number>();
  #early: ReadonlyMap<string, number> = new Map();
  #cpu = process.cpuUsage();

  constructor(
    readonly device: Device,
    readonly steps: number,
    readonly warm: number,
  ) {}

  look(): void {
    const { user, system } = process.cpuUsage(this.#cpu);
    globalThis.gc?.();
    this.#own.push((user + system) / 1000 / this.steps);
    const { rss, heapUsed } = process.memoryUsage();
    this.#rss.push(rss);
    this.#heap.push(heapUsed);
    if (this.#rss.length > this.warm) {
      const { buffers, bytes, pipelines, bindGroups } = this.device.counters;
      this.#gpu.add(`${buffers} buffers, ${bytes} bytes, ${pipelines} pipelines, ${bindGroups} bind groups`);
      this.#handles.add(process.getActiveResourcesInfo().length);
      if (this.#early.size === 0) this.#early = residentByKind();
    }
    this.#cpu = process.cpuUsage();
  }

  async judge(tally: Tally): Promise<void> {
    const epochs = this.#rss.length;
    tally.tried = epochs * this.steps;
    const judged = async (what: string, holds: boolean, problem: string): Promise<void> => {
      await tally.try(what, () => must(holds, problem));
      tally.tried--;
    };
    await judged("memory of the GPU", this.#gpu.size === 1, `was ${[...this.#gpu].join("; ")}`);
    if (epochs <= 4 * WARM) {
      tally.note(`${epochs} epochs are too few to tell a slope`);
      return;
    }
    const kib = growthOf(this.#rss);
    tally.note(`resident ${courseOf(this.#rss)} MiB in ${epochs} epochs, heap ${courseOf(this.#heap)}`);
    const late = residentByKind();
    const kinds = [...late].map(([kind, bytes]) => `${kind} ${mib(this.#early.get(kind) ?? 0)} → ${mib(bytes)}`);
    tally.note(`of it ${kinds.join(", ")}; handles ${[...this.#handles].join(", ")}`);
    if (epochs >= JUDGED) {
      await judged("resident memory", isFlat(kib), `grows by ${kib} KiB an epoch`);
      const wanted = `resident memory less than ${MOST_BYTES / 1024} KiB an epoch in the second half`;
      tally.goal(wanted, `${kib}`, isFlat(kib));
    }
    const counted = this.#own.slice(WARM);
    const halves = [counted.slice(0, counted.length >> 1), counted.slice(counted.length >> 1)];
    // Work of others makes a step dearer, and never cheaper.
    const [early, later] = halves.map((half) => quantile(half, 0.1)) as [number, number];
    const drift = later / early - 1;
    const text = `${(100 * drift).toFixed(1)} %`;
    tally.note(`work of a step ${early.toFixed(2)} → ${later.toFixed(2)} ms`);
    await judged("work of a step", drift < MOST_DRIFT, `became ${text} more`);
    tally.goal(`work of a step at most ${100 * MOST_DRIFT} % more in the second half`, text, drift < MOST_DRIFT);
    const [least, most] = [Math.min(...this.#handles), Math.max(...this.#handles)];
    await judged("handles", most - least <= 2, `were ${[...this.#handles].join(", ")}`);
  }
}
