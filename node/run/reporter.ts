// What a run shows and keeps of its steps and epochs: log.jsonl, results.csv, report.html, pictures, checkpoints, bars
// and lines on the terminal.
import type { Slices } from "../../data/slices.ts";
import { type TrainConfig, structureNames } from "../../train/config/config.ts";
import type { Sign } from "../../train/collapse.ts";
import type { EpochPictures, EpochReport, StepReport, TrainingHooks } from "../../train/loop.ts";
import { type ScalarEvent, tensorBoardHeader, tensorBoardRecord } from "../../report/tensorboard.ts";
import { FileError } from "../files.ts";
import type { Bar, Narrator } from "../narrator.ts";
import type { RunFolder, Status } from "./folder.ts";
import { type EpochEvent, type StepEvent, epochEvent, signEvents, stepEvent } from "../../train/run/events.ts";
import { slicesToPicture } from "../../train/run/pictured.ts";
import { epochSvg } from "../../report/epoch-picture.ts";
import { writeReport } from "./report.ts";

const REPORT_EVERY_MS = 60_000;
const LONG_STEP_MS = 20_000;

export interface ReporterOptions {
  readonly config: TrainConfig;
  readonly validation: Slices;
  /** Slices of the teacher's, to be seen beside the pseudo ones. */
  readonly teacher: Slices | undefined;
  readonly stepsPerEpoch: number;
  /** Where the run begins, or goes on. */
  readonly at: { readonly epoch: number; readonly step: number };
  /** Told of each record of log.jsonl once it is written there. */
  readonly onEvent?: ((event: object) => void) | undefined;
}

export class Reporter {
  /** Of the epochs that ended since this reporter began. */
  readonly reports: EpochReport[] = [];
  /** Signs of a collapse, as log.jsonl has them. */
  readonly signs: Sign[] = [];
  readonly #history: EpochEvent[] = [];
  readonly #epochBar: Bar;
  #stepBar: Bar;
  #reported = performance.now();
  #teacherPictured: readonly number[] | undefined;
  #saidPace = false;
  #timed = 0;

  constructor(
    readonly run: RunFolder,
    readonly narrator: Narrator,
    readonly options: ReporterOptions,
  ) {
    const { config, stepsPerEpoch, at } = options;
    this.#epochBar = narrator.bar("epoch", config.optimization.epochs, at.epoch);
    this.#stepBar = narrator.bar(`step of ${at.epoch + 1}`, stepsPerEpoch, at.step);
  }

  /** Takes what log.jsonl holds as what was before: results.csv, signs and TensorBoard's file hold it too. */
  async readHistory(): Promise<void> {
    const events = await this.run.events();
    const of = <T>(event: string): T[] => events.filter((e) => e.event === event) as unknown as T[];
    this.#history.push(...of<EpochEvent>("epoch"));
    this.signs.push(...of<Sign>("sign"));
    // A process that was killed behind an epoch's checkpoint left them without it.
    if (this.#history.length > 0) await this.run.writeResults(this.#history.map(resultRow));
    await this.run.writeEvents([
      tensorBoardHeader(now()),
      ...of<StepEvent>("step").map((e) => tensorBoardRecord(stepScalars(e))),
      ...this.#history.map((e) => tensorBoardRecord(epochScalars(e))),
    ]);
  }

  /** What the training loop calls. */
  get hooks(): TrainingHooks {
    const { run } = this;
    return {
      onStep: (report) => this.#onStep(report),
      onEpochEnd: (report) => this.#onEpochEnd(report),
      onEpoch: (report, pictures) => this.#onEpoch(report, pictures),
      save: (bytes, progress, isBest) => run.saveCheckpoint(bytes, progress.steps, isBest),
      latest: () => run.latestCheckpoint().catch(() => undefined),
    };
  }

  /**
   * Writes report.html as the run stands, with the status that it is about to have; says why where it can't, and gives
   * the error where a file was in its way.
   */
  async writeReport(status?: Status): Promise<FileError | undefined> {
    this.#reported = performance.now();
    try {
      await writeReport(this.run, this.run.reportFile, status);
      return undefined;
    } catch (error) {
      this.narrator.say(`the report could not be written: ${(error as Error).message}`);
      return error instanceof FileError ? error : undefined;
    }
  }

  /** The teacher's slices that are shown beside `pictures`: looked for once. */
  #teacherOf({ rows }: EpochPictures): Parameters<typeof epochSvg>[2] {
    const slices = this.options.teacher;
    if (!slices) return undefined;
    this.#teacherPictured ??= slicesToPicture(slices, rows.length);
    return { slices, pictured: this.#teacherPictured };
  }

  async #log(...events: object[]): Promise<void> {
    await this.run.log(...events);
    for (const event of events) this.options.onEvent?.(event);
  }

  /** At the end of an epoch, unless the last report is fresh: drawing takes as long as some epochs do. */
  async #writeReportNowAndThen(): Promise<void> {
    if (performance.now() - this.#reported > REPORT_EVERY_MS) await this.writeReport();
  }

  async #onStep(report: StepReport): Promise<void> {
    const event = stepEvent(report);
    await this.#log(event);
    await this.run.appendEvent(tensorBoardRecord(stepScalars(event)));
    this.#sayPace(report);
    this.#stepBar.advance(`${shortLosses(report.losses)}  ${(report.ms / 1000).toFixed(2)} s/step`);
  }

  /** Says once, of the first step that tells, that the run would take days. */
  #sayPace({ ms, steps, stepsPerEpoch }: StepReport): void {
    const isFirst = this.#timed++ === 0;
    // A first step takes longer than others, but for those that take long by themselves.
    if (this.#saidPace || (isFirst && ms < LONG_STEP_MS)) return;
    this.#saidPace = true;
    const left = this.options.config.optimization.epochs * stepsPerEpoch - steps;
    const days = (left * ms) / 86_400_000;
    if (days >= 1)
      this.narrator.say(
        `warning: ${left} steps are left, and one takes ${(ms / 1000).toFixed(1)} s here: some ${days.toFixed(0)} days; ` +
          "smaller are --preset quick, --size, --width and --epochs",
      );
  }

  async #onEpochEnd(report: EpochReport): Promise<void> {
    const event = epochEvent(report, structureNames(this.options.config));
    this.#history.push(event);
    await this.#log(event, ...signEvents(report));
  }

  async #onEpoch(report: EpochReport, pictures: EpochPictures | undefined): Promise<void> {
    const { run, narrator } = this;
    const { config, validation, stepsPerEpoch } = this.options;
    const names = structureNames(config);
    const { epochs } = config.optimization;
    const number = report.epoch + 1;
    this.reports.push(report);
    this.#stepBar.done();
    const event = this.#history.at(-1)!;
    await run.appendEvent(tensorBoardRecord(epochScalars(event)));
    await run.writeResults(this.#history.map(resultRow));
    if (pictures)
      await run.write(
        run.picturePath(report.epoch),
        epochSvg(pictures.rows, validation, this.#teacherOf(pictures), `epoch ${number}`, names),
      );
    await this.#writeReportNowAndThen();
    narrator.say(`epoch ${number}/${epochs}  ${shortLosses(report.losses)}${validationText(event)}`);
    this.signs.push(...report.signs);
    if (report.signs.length > 0) await run.setStatus("running", this.signs);
    for (const { message, mend } of report.signs) narrator.say(`warning: ${message}; ${mend}`);
    this.#epochBar.advance();
    if (number < epochs) this.#stepBar = narrator.bar(`step of ${number + 1}`, stepsPerEpoch);
  }
}

/** In seconds since 1970, to the millisecond. */
const now = (): number => Date.now() / 1000;

const named = (group: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${group}/${name}`, value]));

const stepScalars = ({ at, steps, ms, losses, norms }: StepEvent): ScalarEvent => ({
  wallTime: at,
  step: steps,
  scalars: { ...named("step", losses), ...named("gradient norm", norms ?? {}), "time/ms a step": ms },
});

const epochScalars = ({ at, steps, losses, scheduled, validationLoss, dice, cases }: EpochEvent): ScalarEvent => ({
  wallTime: at,
  step: steps,
  scalars: {
    ...named("epoch", losses),
    ...named("scheduled weight", scheduled ?? {}),
    ...named("validation Dice", { mean: dice ?? NaN, ...cases }),
    "validation/loss": validationLoss ?? NaN,
  },
});

/** An epoch's row of results.csv. */
function resultRow({
  epoch,
  steps,
  validationLoss,
  dice,
  classes,
  losses,
}: EpochEvent): Record<string, number | string> {
  const ofLabels = Object.entries(classes ?? {}).map(([label, d]) => [`dice ${label}`, d]);
  return {
    epoch,
    steps,
    validationLoss: validationLoss ?? "",
    dice: dice ?? "",
    ...Object.fromEntries(ofLabels),
    ...losses,
  };
}

/** "  validation loss 0.412, Dice 0.671 (1: 0.70, 2: 0.64) (best)", or nothing where nothing was validated. */
function validationText({ validationLoss, dice, classes, best }: EpochEvent): string {
  if (validationLoss === null || dice === null) return "";
  const ofLabels = Object.entries(classes ?? {}).map(
    ([label, d]) => `${label}: ${d === null || Number.isNaN(d) ? "–" : d.toFixed(2)}`,
  );
  const classText = classes ? ` (${ofLabels.join(", ")})` : "";
  return `  validation loss ${validationLoss.toFixed(3)}, Dice ${dice.toFixed(3)}${classText}${best ? " (best)" : ""}`;
}

/** The losses worth a glance, in the paper's names, the first first. */
const SHORT = ["lossG", "lossEG", "lossDc", "lossDM", "cx", "hintS", "distS", "mutual", "diceCT", "dicePM"];
const SHOWN = 5;

/** "lossG 1.234 lossDM 0.500 …". */
function shortLosses(losses: Readonly<Record<string, number>>): string {
  return SHORT.flatMap((name) => {
    const loss = losses[name];
    return loss === undefined ? [] : [`${name} ${loss.toFixed(3)}`];
  })
    .slice(0, SHOWN)
    .join(" ");
}
