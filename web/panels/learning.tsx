// A model learns from the slices that were corrected: how much of it does, the loss as it falls, and what it was worth.
import { effect, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { edit } from "../edit/editing.ts";
import { download } from "../files.ts";
import { during, image, mask, model, modelId, models, opened, say, tellError, work } from "../state.ts";
import { callback, studio } from "../studio.ts";
import type { LastStages, Learned } from "../worker/correcting.ts";
import type { OpenedModel } from "../worker/files.ts";
import type { WrittenFile } from "../worker/results.ts";
import type { Progress } from "../worker/segmenting.ts";
import { Chart } from "./chart.tsx";
import { ModelChoice } from "./model-choice.tsx";

const steps = signal(100);
const losses = signal<readonly number[]>([]);
const result = signal<(Learned & { readonly learned: number; readonly leftOut: number }) | undefined>(undefined);
const lastStages = signal<LastStages | undefined>(undefined);

export function Learning(): JSX.Element {
  useEffect(followChoice, []);
  const chosen = model.value;
  const { learned: from = [], leftOut = [] } = edit.value?.edit.split ?? {};
  const count = from.length;
  return (
    <>
      <h2>Learn from my corrections</h2>
      <ModelChoice />
      {chosen && lastStages.value && <Stages of={lastStages.value} />}
      <label>
        steps
        <input
          type="number"
          min={1}
          max={2000}
          value={steps.value}
          onChange={(e) => {
            steps.value = Math.max(1, Math.min(2000, Math.round(Number(e.currentTarget.value) || 100)));
          }}
        />
      </label>
      <div class="row">
        <button
          type="button"
          disabled={!chosen || count === 0 || work.value !== undefined}
          onClick={() => void learn(chosen!)}
        >
          Learn from {count} {count === 1 ? "slice" : "slices"}
        </button>
        <button type="button" disabled={!chosen} onClick={() => void save(chosen!)}>
          Save the model
        </button>
      </div>
      <p class="note">
        {leftOut.length > 0
          ? `Every fourth that was corrected is left out to judge by: ${leftOut.map((z) => z + 1).join(", ")}.`
          : "Correct four slices or more: every fourth is left out to judge by."}
      </p>
      {losses.value.length > 1 && (
        <Chart
          title="loss"
          xLabel="step"
          lines={[{ name: "loss", points: losses.value.map((y, i) => ({ x: i + 1, y })) }]}
        />
      )}
      {result.value && <Worth of={result.value} />}
    </>
  );
}

function Stages({ of: { paths, parameters, ofParameters } }: { readonly of: LastStages }): JSX.Element {
  const number = (n: number): string => n.toLocaleString("en");
  return (
    <p class="note">
      The last two decoder stages and the head learn, {number(parameters)} of {number(ofParameters)} parameters; all
      before them, and the norms' statistics, stay. <small>({paths.join(", ")})</small>
    </p>
  );
}

function Worth({ of }: { readonly of: NonNullable<typeof result.value> }): JSX.Element {
  const { model: made, learned, leftOut, dice, seconds } = of;
  const [before, after] = [dice?.before.toFixed(3), dice?.after.toFixed(3)];
  return (
    <>
      <p>
        {made.name}: from {learned} {learned === 1 ? "slice" : "slices"} in {seconds.toFixed(0)} s.
      </p>
      {dice && (
        <p>
          Dice on the {leftOut} left out {before === after ? "stayed" : dice.after > dice.before ? "rose" : "fell"}:{" "}
          <span class="numbers">
            {before} → {after}
          </span>
          {dice.after < dice.before && "; the model before may be the better one"}
        </p>
      )}
    </>
  );
}

/** Asks what of a model learns, whenever another is chosen; gives what ends that. */
const followChoice = (): (() => void) =>
  effect(() => {
    void describe(model.value);
  });

async function describe(chosen: OpenedModel | undefined): Promise<void> {
  lastStages.value = undefined;
  if (!chosen) return;
  try {
    const found = await studio.correcting.lastStages(chosen.id);
    if (model.peek() === chosen) lastStages.value = found;
  } catch (error) {
    tellError(error);
  }
}

async function learn(chosen: OpenedModel): Promise<void> {
  const { split } = edit.value!.edit;
  const corrections = {
    imageId: image.value!.id,
    mask: mask.value!.data,
    labels: mask.value!.labels,
    ...split,
  };
  losses.value = [];
  result.value = undefined;
  const options = { steps: steps.value, name: nameAfter(chosen.name) };
  const found = (await during("learning", (onProgress, signal) =>
    studio.correcting.learn(
      chosen.id,
      corrections,
      options,
      callback((progress: Progress) => onProgress(progress)),
      callback((loss: number) => {
        losses.value = [...losses.value, loss];
      }),
      signal,
    ),
  )) as Learned | undefined;
  if (!found) return;
  result.value = { ...found, learned: split.learned.length, leftOut: split.leftOut.length };
  opened.value = [...opened.value, found.model];
  modelId.value = found.model.id;
  say(`${found.model.name} is the model now; the one before stays in the list`);
}

/** "corrected lung.safetensors", and "corrected 2 lung.safetensors" where that is there. */
function nameAfter(name: string): string {
  const plain = name.replace(/^corrected (\d+ )?/, "").replace(/^.*\//, "");
  const names = new Set(models.value.map((m) => m.name));
  for (let n = 1; ; n++) {
    const next = `corrected ${n > 1 ? `${n} ` : ""}${plain}`;
    if (!names.has(next)) return next;
  }
}

async function save({ id, name }: OpenedModel): Promise<void> {
  try {
    const file = `${name.replace(/\.safetensors$/i, "").replace(/[^\p{L}\p{N}.]+/gu, "-")}.safetensors`;
    const written = (await studio.correcting.write(id, file)) as WrittenFile;
    download(written);
    say(`${written.name} was saved`);
  } catch (error) {
    tellError(error);
  }
}
