// Runs in the page's worker: planned, tried, trained, saved, gone on with, used.
import { bytesOfSlices } from "../../data/slices.ts";
import type { Device, Pacing } from "../../engine/index.ts";
import { version } from "../../package.json";
import { estimateText } from "../../report/estimate.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { readModelZip, writeModelZip } from "../../train/model-zip.ts";
import { timeSteps } from "../../train/run/estimate.ts";
import type { RunEvent } from "../../train/run/events.ts";
import { planCases } from "../../train/run/plan.ts";
import { type TrainingSets, type TrainingSources, makeSets } from "../../train/run/sets.ts";
import { openTraining } from "../../train/run/training-parts.ts";
import type { RunStatistics } from "../../train/statistics.ts";
import { transfer } from "comlink";
import {
  type AskedRun,
  type ChosenFolders,
  type ListedCases,
  askedConfig,
  folderSources,
  phantomSources,
} from "./asked-run.ts";
import type { Files, OpenedModel } from "./files.ts";
import type { WrittenFile } from "./results.ts";
import { RunKeeper, type RunNews } from "./run-keeper.ts";
import type { RunRecord, RunStore } from "./run-store.ts";
import { type Progress, YIELD_MS } from "./segmenting.ts";

/** A run as it was saved last. */
export interface SavedRun {
  readonly record: RunRecord;
  readonly events: readonly RunEvent[];
  /** Of the last epoch, as SVG. */
  readonly picture: string | undefined;
}

export class Training {
  /** `openDevice`: a device of a run's own, with which all goes that the run held of the GPU's memory. */
  constructor(
    readonly store: RunStore,
    readonly files: Files,
    readonly openDevice: () => Promise<Device>,
  ) {}

  async list(): Promise<RunRecord[]> {
    return this.store.list();
  }

  /** Throws UsageError where the run is gone. */
  async open(id: string): Promise<SavedRun> {
    const record = await this.store.record(id);
    return { record, events: await this.store.events(id), picture: await this.store.picture(id) };
  }

  /**
   * What a run would take, in a sentence, by doing a few of its steps; nothing is kept. Throws ConfigError and
   * DataError, LimitExceededError and what else the GPU reports where the run does not fit it, and AbortError.
   */
  async estimate(
    asked: AskedRun,
    chosen: ChosenFolders,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const { config, sources } = await planned(asked, chosen);
    const { sets } = await setsOf(config, sources, { onProgress, signal });
    using device = await this.openDevice();
    using training = await openTraining(device, config, sets, pacing(onProgress, signal));
    onProgress({ what: "trying steps", part: 0.9 });
    const taken = await timeSteps(training, signal);
    const held = [sets.student, sets.validation, ...(sets.teacher ? [sets.teacher] : [])];
    const text = estimateText({ ...taken, hostBytes: held.reduce((sum, set) => sum + bytesOfSlices(set), 0) });
    return `It fits this GPU: ${text}.`;
  }

  /**
   * A new run, planned and saved; nothing is trained. Of folders it keeps the slices. Throws ConfigError, DataError and
   * AbortError.
   */
  async create(
    asked: AskedRun,
    chosen: ChosenFolders,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<RunRecord> {
    const { source } = asked;
    const { config, sources } = await planned(asked, chosen);
    const name = asked.name.trim() || `${config.regime} on ${source}`;
    const run = { name, made: Date.now(), source, config, stepsPerEpoch: asked.steps, notes: [] };
    if (source === "phantoms") return this.store.create(run);
    const { sets, notes } = await setsOf(config, sources, { onProgress, signal });
    return this.store.create({ ...run, notes, statistics: sets.statistics }, sets);
  }

  /**
   * Trains a run to its end, on from where it stands. `pause` ends it after the step at hand, with all saved; `stop`
   * at once, and what came after the last save is gone. Throws UsageError where another tab trains it, NumericalError
   * where numbers are not finite, and what the GPU reports; the run is saved as failed then, and can go on.
   */
  async run(id: string, onNews: (news: RunNews) => void, pause: AbortSignal, stop: AbortSignal): Promise<RunRecord> {
    return this.store.alone(id, async () => {
      const keeper = await RunKeeper.open(this.store, id, onNews);
      return keeper.through(() => this.#train(keeper, AbortSignal.any([pause, stop]), stop));
    });
  }

  async #train(
    keeper: RunKeeper,
    end: AbortSignal,
    stop: AbortSignal,
  ): ReturnType<Parameters<RunKeeper["through"]>[0]> {
    const { config, source, statistics: before } = keeper.record;
    const tell = (progress: Progress): void => keeper.tell(progress);
    const from = await keeper.standing();
    const sets =
      source === "folders"
        ? await this.store.sets(keeper.record)
        : (await setsOf(config, phantomSources(config), { before, onProgress: tell, signal: end })).sets;
    using device = await this.openDevice();
    using training = await openTraining(device, config, sets, { ...pacing(tell, end), ...(from && { from }) });
    await keeper.begin(sets, training.batches.stepsPerEpoch);
    return await training.run(keeper.hooks(sets, stop), end); // The device is open until then.
  }

  /** Throws UsageError where another tab trains it. */
  async remove(id: string): Promise<void> {
    await this.store.remove(id);
  }

  /** The best weights as a model zip. Throws DataError where there are none yet. */
  async zip(id: string): Promise<WrittenFile> {
    const file = await this.#zip(id);
    return transfer(file, [file.bytes.buffer]);
  }

  /** The same, opened beside the models that were dropped. Throws as `zip`. */
  async use(id: string): Promise<OpenedModel> {
    const { name, bytes } = await this.#zip(id);
    return this.files.addZip(readModelZip(bytes, name), name);
  }

  async #zip(id: string): Promise<WrittenFile> {
    const { config, name, statistics } = await this.store.record(id);
    const { checkpoint } = await this.store.kept(id);
    const bytes = writeModelZip({ config, statistics, version, checkpoint });
    return { name: `${name.replace(/[^\p{L}\p{N}.-]+/gu, "-")}.zip`, bytes };
  }
}

type Sources = TrainingSources<ListedCases>;

async function planned(asked: AskedRun, chosen: ChosenFolders): Promise<{ config: TrainConfig; sources: Sources }> {
  const config = await askedConfig(asked);
  const sources = asked.source === "folders" ? await folderSources(config, chosen) : phantomSources(config);
  const { student, teacher } = sources;
  const lists = {
    ...(student.lists && { student: student.lists }),
    ...(teacher?.lists && { teacher: teacher.lists }),
  };
  return { config: await planCases(config, sources, { lists }), sources };
}

interface SetsOptions {
  readonly before?: RunStatistics | undefined;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

async function setsOf(
  config: TrainConfig,
  sources: Sources,
  { before, onProgress, signal }: SetsOptions,
): Promise<{ sets: TrainingSets; notes: string[] }> {
  const notes: string[] = [];
  const sets = await makeSets(config, sources, {
    before,
    signal,
    onWarning: (message) => notes.push(message),
    onOdd: ({ problem, mend }, { name }) => notes.push(`${name}: values ${problem}; ${mend}.`),
    onProgress: async ({ what, done, total }) => {
      onProgress({ what: `making slices: ${what}`, part: done / total });
      await turn(); // else nothing hears the signal
    },
  });
  return { sets, notes };
}

/** Lets the event loop have its turn. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

const pacing = (onProgress: (progress: Progress) => void, signal: AbortSignal): Pacing => ({
  signal,
  yieldEveryMs: YIELD_MS,
  onProgress: ({ done, total }) => onProgress({ what: "compiling", part: done / total }),
});
