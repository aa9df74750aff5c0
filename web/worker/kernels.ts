// This browser's GPU as kernels see it: what it is, how fast they are on it, where a step's time goes.
import { type Case, matches } from "../../bench/cases/case.ts";
import { QUICK, runCase } from "../../bench/measure/harness.ts";
import { kernelCases, softwareLimits } from "../../bench/cases/kernel-cases.ts";
import { TIMED, paperLayers } from "../../bench/cases/networks.ts";
import { measurePeaks } from "../../bench/measure/peaks.ts";
import { type TimelineRequest, timelineOf } from "../../bench/profile.ts";
import type { Report, Row } from "../../bench/say/report.ts";
import { type Timeline, quantumOf } from "../../lab/timeline.ts";
import { Device, UsageError, Variable, isSoftwareAdapter, relu } from "../../engine/index.ts";
import type { AdapterFacts } from "../adapter-facts.ts";
import { factsOf } from "./adapter.ts";
import type { Progress } from "./segmenting.ts";

/** Works on devices of its own: none of what is measured shares one with models or training. */
export class Kernels {
  #layers: ReturnType<typeof paperLayers> | undefined;

  /** `host`: browser and machine in words, which results carry. */
  constructor(
    readonly gpu: GPU,
    readonly host: string,
  ) {}

  /** Throws UsageError where the browser has no adapter. */
  async adapter(): Promise<AdapterFacts> {
    using device = await Device.open(this.gpu);
    return factsOf(this.gpu, new Set(device.gpu.device.features));
  }

  /** Names of the networks that `timeline` knows. */
  networks(): readonly string[] {
    return TIMED.map(({ name }) => name);
  }

  /**
   * The quick kernel cases that have all words of the filter, after the device's peaks; each row is given as it comes.
   * Once `signal` is aborted no further case begins, and the rows so far are the report's. Throws UsageError where no
   * case has them or the browser has no adapter, and what the GPU reports while peaks are measured; a case that fails
   * has a row that says why.
   */
  async bench(
    filter: string,
    onRow: (row: Row) => void,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<Report> {
    const words = filter.split(/\s+/).filter(Boolean);
    const { cases, adapter, software, peaks, gpuClock } = await this.#ready(words, onProgress);
    const rows: Row[] = [];
    for (const c of cases) {
      if (signal.aborted) break;
      onProgress({ what: c.name, part: rows.length / cases.length });
      const row = await runCase(this.gpu, c, QUICK, peaks, { gpuClock });
      rows.push(row);
      onRow(row);
    }
    const command = ["studio: bench --quick kernel", ...words].join(" ");
    return {
      engine: "cmedl",
      adapter,
      software,
      date: new Date().toISOString(),
      command,
      host: this.host,
      peaks,
      rows,
    };
  }

  /** One run of a network, stage by stage. Throws as `timelineOf`. */
  timeline(request: TimelineRequest, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Timeline> {
    return timelineOf(this.gpu, request, {
      host: this.host,
      signal,
      onProgress: (what, part) => onProgress({ what, part }),
    });
  }

  /** Throws UsageError where no case has all of the words. */
  #cases(words: readonly string[], software: boolean): readonly Case[] {
    this.#layers ??= paperLayers();
    const all = kernelCases(this.#layers, software ? softwareLimits(true) : undefined).filter(({ quick }) => quick);
    const found = all.filter((c) => matches(c, words));
    if (found.length > 0) return found;
    const known = (at: 0 | -1): string => [...new Set(all.map(({ name }) => name.split(" ").at(at)!))].join(", ");
    throw new UsageError(`no case has "${words.join(" ")}" in its name; layers are ${known(0)}; passes ${known(-1)}`);
  }

  /** The cases, what they are held against, and whether timestamps are fine enough to time single kernels by. */
  async #ready(words: readonly string[], onProgress: (progress: Progress) => void) {
    using device = await Device.open(this.gpu);
    const { gpu } = device;
    const software = isSoftwareAdapter(gpu.device.adapterInfo);
    const cases = this.#cases(words, software);
    onProgress({ what: "measuring peaks", part: 0 });
    const peaks = await measurePeaks(device);
    const gpuClock = gpu.timestamps && !software && (await tellsFineTimes(device));
    return { cases, adapter: gpu.adapterName, software, peaks, gpuClock };
  }
}

async function tellsFineTimes(device: Device): Promise<boolean> {
  const x = new Variable([1 << 16], new Float32Array(1 << 16), { trainable: false, name: "x" });
  using program = await device.compile(() => ({ y: relu(x.value) }), {}, { name: "clock" });
  const times: number[] = [];
  for (let i = 0; i < 5; i++) for (const { timeUs } of await program.profile()) times.push(timeUs);
  return quantumOf(times) === undefined;
}
