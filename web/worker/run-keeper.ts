// What a run reports while it trains, and what is kept of it: news for the page a few times a second, log, checkpoints
// and pictures in the store.
import { epochSvg } from "../../report/epoch-picture.ts";
import { structureNames } from "../../train/config/config.ts";
import type { Outcome, SavedCheckpoint, TrainingHooks } from "../../train/loop.ts";
import { type RunEvent, epochEvent, signEvents, stepEvent } from "../../train/run/events.ts";
import { slicesToPicture } from "../../train/run/pictured.ts";
import type { TrainingSets } from "../../train/run/sets.ts";
import type { RunRecord, RunState, RunStore } from "./run-store.ts";
import type { Progress } from "./segmenting.ts";

export interface RunNews extends Progress {
  readonly record: RunRecord;
  /** Those since the news before. */
  readonly events: readonly RunEvent[];
  /** Of the epoch that ended since. */
  readonly picture?: string;
  /** Of the recent steps; undefined before the second. */
  readonly secondsPerStep?: number;
  /** Without validations. */
  readonly secondsLeft?: number;
}

const NEWS_EVERY_MS = 200;
/** Steps whose time tells how long the others take. */
const RECENT = 20;

export class RunKeeper {
  readonly #times: number[] = [];
  #steps = 0;
  #events: RunEvent[] = [];
  /** How many of the events the page knows. */
  #told = 0;
  #picture: string | undefined;
  #toldAt = 0;

  private constructor(
    readonly store: RunStore,
    public record: RunRecord,
    readonly onNews: (news: RunNews) => void,
  ) {}

  /** Throws UsageError where the run is gone. */
  static async open(store: RunStore, id: string, onNews: (news: RunNews) => void): Promise<RunKeeper> {
    return new RunKeeper(store, await store.record(id), onNews);
  }

  /** Where the run goes on, with the events until then. Throws CorruptFileError where its checkpoint is damaged. */
  async standing(): Promise<SavedCheckpoint | undefined> {
    const from = await this.store.latest(this.record.id);
    this.#steps = from?.checkpoint.progress.steps ?? 0;
    this.#events = await this.store.events(this.record.id, this.#steps);
    this.#told = this.#events.length;
    return from;
  }

  /** Trains, and keeps how that ends: as paused where that was asked for, as failed where it throws something else. */
  async through(train: () => Promise<Outcome>): Promise<RunRecord> {
    const { problem: _, ...record } = this.record;
    await this.#put({ ...record, state: "running" });
    try {
      const outcome = await train();
      await this.#put({ ...this.record, state: outcome === "interrupted" ? this.#pausedState : outcome });
    } catch (error) {
      const { name, message } = error as Error;
      if (name !== "AbortError") {
        await this.#put({ ...this.record, state: "failed", problem: message });
        throw error;
      }
      await this.#put({ ...this.record, state: this.#pausedState });
    }
    return this.record;
  }

  /** The first step is next. */
  async begin({ statistics }: TrainingSets, stepsPerEpoch: number): Promise<void> {
    await this.#put({ ...this.record, stepsPerEpoch, statistics: this.record.statistics ?? statistics });
    this.tell({ what: "training", part: this.#part }, true);
  }

  /** What the training loop calls. After `stop` nothing is saved any more. */
  hooks({ validation, teacher }: TrainingSets, stop: AbortSignal): TrainingHooks {
    const { store } = this;
    const { id, config } = this.record;
    const names = structureNames(config);
    let pictured: readonly number[] | undefined;
    return {
      onStep: (report) => {
        this.#steps = report.steps;
        this.#times.push(report.ms);
        if (this.#times.length > RECENT) this.#times.shift();
        this.#events.push(stepEvent(report));
        this.tell({ what: "training", part: this.#part });
      },
      onValidation: () => this.tell({ what: "validating", part: this.#part }, true),
      onEpoch: async (report, pictures) => {
        this.#events.push(epochEvent(report, names), ...signEvents(report));
        if (pictures) {
          const { rows } = pictures;
          if (teacher) pictured ??= slicesToPicture(teacher, rows.length);
          const beside = teacher && pictured && { slices: teacher, pictured };
          this.#picture = epochSvg(rows, validation, beside, `epoch ${report.epoch + 1}`, names);
        }
        const svg = this.#picture;
        this.tell({ what: "training", part: this.#part }, true);
        if (stop.aborted) return;
        await store.writeEvents(id, this.#events);
        if (pictures && svg) await store.writePicture(id, svg);
      },
      // The log first: it may tell of steps that are done again, but never lacks one that is not.
      save: async (bytes, { steps, best }, isBest) => {
        if (stop.aborted) return;
        await store.writeEvents(id, this.#events);
        await store.saveCheckpoint(id, bytes, isBest);
        const kept = best && { best: { epoch: best.epoch + 1, dice: best.dice } };
        await this.#put({ ...this.record, steps, ...kept });
      },
      latest: () => store.latest(id).catch(() => undefined),
    };
  }

  /** Tells the page, unless it did just before; `now`: even then. */
  tell(progress: Progress, now = false): void {
    const at = performance.now();
    if (!now && at - this.#toldAt < NEWS_EVERY_MS) return;
    this.#toldAt = at;
    const picture = this.#picture;
    this.onNews({
      ...progress,
      ...this.#timing,
      record: this.record,
      events: this.#events.slice(this.#told),
      ...(picture && { picture }),
    });
    this.#told = this.#events.length;
    this.#picture = undefined;
  }

  get #pausedState(): RunState {
    return this.record.steps > 0 ? "paused" : "new";
  }

  get #total(): number {
    return this.record.config.optimization.epochs * this.record.stepsPerEpoch;
  }

  get #part(): number {
    return this.#steps / this.#total;
  }

  get #timing(): Pick<RunNews, "secondsPerStep" | "secondsLeft"> {
    // The first step waits for the driver.
    const counted = this.#times.length > 1 ? this.#times.slice(-RECENT + 1) : [];
    if (counted.length === 0) return {};
    const secondsPerStep = counted.reduce((sum, ms) => sum + ms, 0) / counted.length / 1000;
    return { secondsPerStep, secondsLeft: secondsPerStep * (this.#total - this.#steps) };
  }

  async #put(record: RunRecord): Promise<void> {
    this.record = record;
    await this.store.put(record);
  }
}
