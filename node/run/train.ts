// One training run on prepared slices: programs, pictures, log, checkpoints, progress, Ctrl-C. `train` and `demo`
// both are this.
import { join } from "node:path";
import type { Device } from "../../engine/index.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import type { SliceSet } from "../../data/slices.ts";
import { loadVgg } from "./vgg.ts";
import { type Series, curvesPicture } from "../../report/curves.ts";
import { epochPicture } from "../../report/montage.ts";
import type { Checkpoint } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { type EpochPictures, type EpochReport, Training } from "../../train/loop.ts";
import { setInferenceStatistics } from "../../models/blocks.ts";
import { featuresOf, makeRegime } from "../../train/regimes/make.ts";
import { classesOf } from "../../train/validation.ts";
import { CommandError } from "../errors.ts";
import type { Narrator } from "../narrator.ts";
import type { RunFolder } from "./folder.ts";

export interface RunSets {
  readonly student: SliceSet;
  /** Absent where the regime reads no teacher. */
  readonly teacher: SliceSet | undefined;
  readonly validation: SliceSet;
}

export interface RunResult {
  readonly best: { readonly epoch: number; readonly dice: number } | null;
  readonly epochs: readonly EpochReport[];
  /** Until the first step: compiling. */
  readonly startSeconds: number;
}

const PICTURED = 3;

export interface TrainRunOptions {
  /** Where a run goes on. */
  from?: { checkpoint: Checkpoint; file: string };
  signal?: AbortSignal;
  debugNans?: boolean;
}

/** Trains a run to its end. Throws CommandError "interrupted" after Ctrl-C, once a checkpoint is safe. */
export async function trainRun(
  device: Device,
  config: TrainConfig,
  sets: RunSets,
  run: RunFolder,
  narrator: Narrator,
  { from, signal, debugNans = false }: TrainRunOptions = {},
): Promise<RunResult> {
  const regime = makeRegime(config);
  const {
    optimization: { batch, steps: stepsGiven, epochs: lastEpoch, decayFrom, patience, precision, statistics },
    augmentation,
    networks: { features },
    data: { size, labels },
  } = config;
  const vgg = featuresOf(regime);
  if (vgg && features.file !== null) await loadVgg(vgg, features.file);
  const { flip, degrees, scale, elastic } = augmentation;
  // A regime without a teacher looks at the student's half of a batch only.
  const batches = new UnpairedBatches(sets.student, sets.teacher ?? sets.student, {
    batch,
    seed: config.seed,
    ...(stepsGiven === null ? {} : { steps: stepsGiven }),
    ...(flip || degrees || scale || elastic ? { augment: augmentation } : {}),
  });
  setInferenceStatistics(regime, statistics);
  const started = performance.now();
  narrator.say(`compiling ${regime.kind} (${size} × ${size}, batch ${batch}) …`);
  using training = await Training.create(
    device,
    regime,
    batches,
    {
      epochs: lastEpoch,
      config,
      validation: sets.validation,
      pictured: mostForeground(sets.validation, PICTURED),
      debugNans,
      precision,
      ...(config.saveEvery === null ? {} : { saveEvery: config.saveEvery }),
      ...(decayFrom === null ? {} : { decayFrom }),
      ...(patience === null ? {} : { patience }),
    },
    from,
  );
  const { dispatches, pipelines, bytes } = training.stats;
  const startSeconds = (performance.now() - started) / 1000;
  narrator.say(
    `compiled in ${startSeconds.toFixed(1)} s: ${dispatches} dispatches a step, ${pipelines} pipelines, ${(bytes / 2 ** 20).toFixed(0)} MiB`,
  );
  const { stepsPerEpoch } = batches;
  const { epoch, step } = training.progress;
  const epochs = narrator.bar("epoch", lastEpoch, epoch);
  let steps = narrator.bar(`step of ${epoch + 1}`, stepsPerEpoch, step);
  const reports: EpochReport[] = [];
  const history: EpochEvent[] = from ? epochEvents(await run.events()) : [];
  const signals = onInterrupt(narrator);
  const abort = signal ? AbortSignal.any([signal, signals.signal]) : signals.signal;
  await run.setStatus("running");
  try {
    const outcome = await training.run(
      {
        onStep: async (r) => {
          await run.log({
            event: "step",
            epoch: r.epoch + 1,
            step: r.step + 1,
            steps: r.steps,
            ms: Math.round(r.ms),
            losses: r.losses,
            norms: r.norms,
          });
          steps.advance(`${shortLosses(r.losses)}  ${(r.ms / 1000).toFixed(2)} s/step`);
        },
        latest: () => run.latestCheckpoint().catch(() => undefined),
        save: (bytes, progress, isBest) => run.saveCheckpoint(bytes, progress.steps, isBest),
        onEpoch: async (r, pictures) => {
          reports.push(r);
          steps.done();
          const { loss, dice: scores } = r.validation ?? {};
          const classes =
            scores?.classes &&
            ` (${Object.entries(byLabel(scores.classes, labels))
              .map(([label, d]) => `${label}: ${Number.isNaN(d) ? "–" : d.toFixed(2)}`)
              .join(", ")})`;
          const dice = scores
            ? `  validation loss ${loss!.toFixed(3)}, Dice ${scores.mean.toFixed(3)}${classes ?? ""}${r.isBest ? " (best)" : ""}`
            : "";
          const event = {
            event: "epoch",
            epoch: r.epoch + 1,
            steps: r.steps,
            losses: r.losses,
            validationLoss: loss ?? null,
            dice: scores?.mean ?? null,
            cases: scores?.cases ?? {},
            ...(scores?.classes ? { classes: byLabel(scores.classes, labels) } : {}),
            best: r.isBest,
          };
          history.push(event);
          await run.log(event);
          await run.writeResults(
            history.map((e) => ({
              epoch: e.epoch,
              steps: e.steps,
              validationLoss: e.validationLoss ?? "",
              dice: e.dice ?? "",
              ...Object.fromEntries(Object.entries(e.classes ?? {}).map(([label, d]) => [`dice label ${label}`, d])),
              ...e.losses,
            })),
          );
          if (pictures)
            await run.writePicture(
              run.picturePath(r.epoch),
              pictureOf(pictures, sets.validation, `epoch ${r.epoch + 1}`, labels),
            );
          await run.writePicture(join(run.path, "curves.png"), curves(history));
          narrator.say(`epoch ${r.epoch + 1}/${lastEpoch}  ${shortLosses(r.losses)}${dice}`);
          epochs.advance();
          if (r.epoch + 1 < lastEpoch) steps = narrator.bar(`step of ${r.epoch + 2}`, stepsPerEpoch);
        },
      },
      abort,
    );
    await run.setStatus(outcome);
    if (outcome === "stopped")
      narrator.say(`validation has got no better for ${patience} epochs: stopped early (optimization.patience)`);
    if (outcome === "interrupted")
      throw new CommandError(
        "interrupted",
        `stopped after step ${training.progress.steps}; everything is saved, go on with \`cmedl train --resume ${run.path}\``,
      );
  } catch (error) {
    if (!(error instanceof CommandError)) await run.setStatus("failed").catch(() => {});
    throw error;
  } finally {
    signals.stop();
    narrator.end();
  }
  return { best: training.progress.best, epochs: reports, startSeconds };
}

interface EpochEvent {
  readonly event: string;
  readonly epoch: number;
  readonly steps: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly validationLoss: number | null;
  readonly dice: number | null;
  readonly classes?: Readonly<Record<string, number>>;
}
const epochEvents = (events: readonly Record<string, unknown>[]): EpochEvent[] =>
  events.filter((e) => e.event === "epoch") as unknown as EpochEvent[];

/** The first Ctrl-C ends the run after the step at hand; the second ends the process. */
function onInterrupt(narrator: Narrator): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      process.stderr.write("\n");
      process.exit(130);
    }
    narrator.say("finishing this step, then saving; Ctrl-C again to stop at once");
    controller.abort();
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return { signal: controller.signal, stop: () => void process.off("SIGINT", listener).off("SIGTERM", listener) };
}

/** The losses worth a glance, in the paper's names. */
function shortLosses(losses: Readonly<Record<string, number>>): string {
  const named = ["lossG", "lossEG", "lossDc", "lossDM", "cx", "hintS", "distS", "mutual", "diceCT", "dicePM"].filter(
    (n) => n in losses,
  );
  return named
    .slice(0, 5)
    .map((n) => `${n} ${losses[n].toFixed(3)}`)
    .join(" ");
}

/** Dice of classes 1, 2, … under the masks' own values. */
const byLabel = (classes: readonly number[], labels: readonly number[] | null): Record<string, number> =>
  Object.fromEntries(classes.map((d, k) => [String(labels?.[k] ?? k + 1), d]));

/** The slices with the largest masks, at most one a case as long as there are cases. */
function mostForeground(set: SliceSet, count: number): number[] {
  const n = set.size ** 2;
  const area = (s: number): number => set.masks.subarray(s * n, (s + 1) * n).reduce((a, v) => a + +(v > 0), 0);
  const ranked = Array.from({ length: set.count }, (_, s) => ({ s, id: set.origins[s].id, area: area(s) })).sort(
    (a, b) => b.area - a.area,
  );
  const first = ranked.filter((r, i) => ranked.findIndex((q) => q.id === r.id) === i);
  return [...first, ...ranked.filter((r) => !first.includes(r))].slice(0, count).map((r) => r.s);
}

function pictureOf(
  pictures: EpochPictures,
  set: SliceSet,
  title: string,
  labels: readonly number[] | null,
): Uint8Array {
  const n = set.size ** 2;
  const blank = new Float32Array(n).fill(-1);
  return epochPicture(
    pictures.rows.map(({ slice, ct, pM, rC, probability }) => ({
      ct,
      pseudoMr: pM ?? blank,
      cycledCt: rC ?? blank,
      prediction: classesOf(probability, n),
      expert: set.masks.subarray(slice * n, (slice + 1) * n),
      note: set.origins[slice].id,
    })),
    set.size,
    title,
    labels?.map(String),
  ).png();
}

function curves(history: readonly EpochEvent[]): Uint8Array {
  const line = (name: string, pick: (e: EpochEvent) => number | null | undefined): Series => ({
    name,
    values: history.map((e) => pick(e) ?? NaN),
  });
  const series = [
    line("validation Dice", (e) => e.dice),
    line("validation loss", (e) => e.validationLoss),
    line("Dice loss, student", (e) => e.losses.diceCT),
    line("hint", (e) => e.losses.hintS),
  ];
  return curvesPicture(
    series.filter((s) => s.values.some(Number.isFinite)),
    { title: "Dice and losses" },
  ).png();
}
