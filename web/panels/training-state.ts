// The runs of the Train tab, and the one that is shown or trains: signals, and what changes them.
import { signal } from "@preact/signals";
import type { RunEvent } from "../../train/run/events.ts";
import { download } from "../files.ts";
import { during, opened, say, tab, tellError } from "../state.ts";
import { callback, studio } from "../studio.ts";
import type { AskedRun, ChosenFolders } from "../worker/asked-run.ts";
import type { OpenedModel } from "../worker/files.ts";
import type { WrittenFile } from "../worker/results.ts";
import type { RunNews } from "../worker/run-keeper.ts";
import type { RunRecord } from "../worker/run-store.ts";
import type { Progress } from "../worker/segmenting.ts";
import type { SavedRun } from "../worker/training.ts";

export const runs = signal<readonly RunRecord[]>([]);

/** The run whose charts are shown. */
export const shown = signal<
  | { readonly record: RunRecord; readonly events: readonly RunEvent[]; readonly picture?: string | undefined }
  | undefined
>(undefined);

/** The run that trains in this page, one at a time, with the last news of it. */
export const training = signal<
  { readonly id: string; readonly news?: RunNews; readonly pause: () => void; readonly stop: () => void } | undefined
>(undefined);

export async function listRuns(): Promise<void> {
  await attempt(async () => {
    runs.value = (await studio.training.list()) as RunRecord[];
  });
}

/** Shows a run as it was saved last, or as it trains. */
export async function showRun(id: string): Promise<void> {
  await attempt(async () => {
    shown.value = (await studio.training.open(id)) as SavedRun;
  });
}

export async function estimate(asked: AskedRun, chosen: ChosenFolders): Promise<void> {
  const text = await during("estimating", (onProgress, stopped) =>
    studio.training.estimate(
      asked,
      chosen,
      callback((progress: Progress) => onProgress(progress)),
      stopped,
    ),
  );
  if (typeof text === "string") say(text);
}

/** Makes a run of the form, and trains it. */
export async function start(asked: AskedRun, chosen: ChosenFolders): Promise<void> {
  const made = (await during("planning the run", (onProgress, stopped) =>
    studio.training.create(
      asked,
      chosen,
      callback((progress: Progress) => onProgress(progress)),
      stopped,
    ),
  )) as RunRecord | undefined;
  if (!made) return;
  // Else a browser that runs out of room may delete what it keeps for pages.
  void navigator.storage.persist();
  await listRuns();
  await train(made.id);
}

/** Trains a run on from where it stands. */
export async function train(id: string): Promise<void> {
  if (training.value) return say("one run trains at a time: pause it first");
  const pausing = new AbortController();
  const stopping = new AbortController();
  training.value = { id, pause: () => pausing.abort(), stop: () => stopping.abort() };
  addEventListener("beforeunload", warn);
  say("");
  await attempt(async () => {
    // What stands there as it was saved; the news come on top.
    shown.value = (await studio.training.open(id)) as SavedRun;
    const { state, steps } = (await studio.training.run(
      id,
      callback(hear),
      pausing.signal,
      stopping.signal,
    )) as RunRecord;
    say(OUTCOMES[state] ? `${OUTCOMES[state]} after step ${steps}` : state);
  });
  training.value = undefined;
  removeEventListener("beforeunload", warn);
  await listRuns();
  if (shown.value?.record.id === id) await showRun(id);
}

/** Asks before the page is left: steps since the last save would be lost. */
const warn = (event: BeforeUnloadEvent): void => event.preventDefault();

const OUTCOMES: Readonly<Partial<Record<RunRecord["state"], string>>> = {
  paused: "paused; all is saved",
  finished: "trained to the end,",
  stopped: "validation got no better: stopped early,",
  new: "stopped; nothing is saved",
};

function hear(news: RunNews): void {
  const { record, events, picture } = news;
  if (training.value?.id !== record.id) return;
  training.value = { ...training.value, news };
  const before = shown.value;
  if (before?.record.id !== record.id) return;
  const next = [...before.events, ...events];
  shown.value = { record, events: next, picture: picture ?? before.picture };
}

export async function remove(record: RunRecord): Promise<void> {
  if (!confirm(`Delete ${record.name} and all that it learned?`)) return;
  await attempt(() => studio.training.remove(record.id));
  if (shown.value?.record.id === record.id) shown.value = undefined;
  await listRuns();
}

export async function downloadModel(id: string): Promise<void> {
  await attempt(async () => {
    const file = (await studio.training.zip(id)) as WrittenFile;
    download(file);
    say(`${file.name} was saved`);
  });
}

/** Opens the run's model, and goes to where it is used. */
export async function useModel(id: string): Promise<void> {
  await attempt(async () => {
    const model = (await studio.training.use(id)) as OpenedModel;
    opened.value = [...opened.value, model];
    tab.value = "segment";
    say(`${model.name} can segment now`);
  });
}

async function attempt(f: () => Promise<unknown>): Promise<void> {
  try {
    await f();
  } catch (error) {
    tellError(error);
  }
}
