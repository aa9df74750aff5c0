// Training in the page: a form, the runs that this browser keeps, and how a run goes.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { work } from "../state.ts";
import { chosen } from "../files.ts";
import type { AskedRun, ChosenFolders } from "../worker/asked-run.ts";
import type { RunRecord } from "../worker/run-store.ts";
import { RunView, standingText } from "./run-view.tsx";
import { estimate, listRuns, remove, runs, showRun, shown, start, training } from "./training-state.ts";

const asked = signal<AskedRun>({
  name: "",
  source: "phantoms",
  regime: "cmedl",
  size: 64,
  epochs: 10,
  steps: 40,
  seed: 0,
  fields: "",
});
const chosenFolders = signal<ChosenFolders>({ student: [], teacher: [] });
const change = (fields: Partial<AskedRun>): void => {
  asked.value = { ...asked.value, ...fields };
};

const SIZES = [32, 64, 128, 256] as const;

export function Train(): JSX.Element {
  useEffect(() => void listRuns(), []);
  return (
    <section class="train" aria-label="Train">
      <div>
        <Form />
        <h2>Runs in this browser</h2>
        {runs.value.length === 0 ? (
          <p class="note">None yet. They stay here when the page is closed.</p>
        ) : (
          <ul class="files">
            {runs.value.map((record) => (
              <Kept key={record.id} record={record} />
            ))}
          </ul>
        )}
      </div>
      <div>
        <RunView />
      </div>
    </section>
  );
}

function Form(): JSX.Element {
  const { name, source, regime, size, fields } = asked.value;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void start(asked.value, chosenFolders.value);
      }}
    >
      <h2>New run</h2>
      <label>
        on
        <select value={source} onChange={(e) => change({ source: e.currentTarget.value as AskedRun["source"] })}>
          <option value="phantoms">phantoms that are made here</option>
          <option value="folders">two folders of scans and masks</option>
        </select>
      </label>
      {source === "folders" && (
        <>
          <Folder name="student" says="Student: CT with masks…" />
          {regime === "cmedl" && <Folder name="teacher" says="Teacher: MR with masks…" />}
          <p class="note">
            NIfTI, NRRD or MetaImage, paired by names as the command line does it. They stay on this machine; the run
            keeps the slices that it trains on. Folders of DICOM: <code>cmedl import</code> makes such folders of them.
          </p>
        </>
      )}
      <label>
        name
        <input
          value={name}
          placeholder={`${regime} on ${source}`}
          onInput={(e) => change({ name: e.currentTarget.value })}
        />
      </label>
      <label>
        method
        <select value={regime} onChange={(e) => change({ regime: e.currentTarget.value as AskedRun["regime"] })}>
          <option value="cmedl">CMEDL: CT taught by unpaired MR</option>
          <option value="ct-only">CT only: the segmentor alone</option>
        </select>
      </label>
      <div class="numbers-of">
        <label>
          size
          <select value={size} onChange={(e) => change({ size: Number(e.currentTarget.value) })}>
            {SIZES.map((pixels) => (
              <option value={pixels}>
                {pixels} × {pixels}
              </option>
            ))}
          </select>
        </label>
        <Whole name="epochs" from={1} />
        <Whole name="steps" from={1} says="steps an epoch" />
        <Whole name="seed" from={0} />
      </div>
      <details>
        <summary>More fields</summary>
        <label class="tall">
          as in config.yaml, or JSON
          <textarea
            rows={5}
            spellcheck={false}
            placeholder={"networks:\n  segmentor: {width: 4}"}
            value={fields}
            onInput={(e) => change({ fields: e.currentTarget.value })}
          />
        </label>
      </details>
      <div class="row">
        <button type="submit" disabled={training.value !== undefined}>
          Train
        </button>
        <button
          type="button"
          disabled={training.value !== undefined || work.value !== undefined}
          onClick={() => void estimate(asked.value, chosenFolders.value)}
        >
          Estimate
        </button>
      </div>
      <p class="note">Estimate tries a few steps: whether it fits this GPU, and how long all takes.</p>
    </form>
  );
}

/** A folder that is chosen, with how much is in it. */
function Folder({ name, says }: { readonly name: "student" | "teacher"; readonly says: string }): JSX.Element {
  const files = chosenFolders.value[name];
  return (
    <div class="row">
      <label class="button">
        {says}
        <input
          type="file"
          class="hidden"
          ref={(input) => input?.setAttribute("webkitdirectory", "")}
          onChange={(e) => {
            chosenFolders.value = { ...chosenFolders.value, [name]: chosen(e.currentTarget) };
          }}
        />
      </label>
      {files.length > 0 && (
        <small>
          {files[0]!.path.split("/")[0]}: {files.length} files
        </small>
      )}
    </div>
  );
}

function Whole({
  name,
  from,
  says = name,
}: {
  readonly name: "epochs" | "steps" | "seed";
  readonly from: number;
  readonly says?: string;
}): JSX.Element {
  return (
    <label>
      {says}
      <input
        type="number"
        required
        min={from}
        step={1}
        value={asked.value[name]}
        onInput={(e) => change({ [name]: e.currentTarget.valueAsNumber })}
      />
    </label>
  );
}

function Kept({ record }: { readonly record: RunRecord }): JSX.Element {
  const { id, name } = record;
  const isTraining = training.value?.id === id;
  return (
    <li>
      <button type="button" aria-pressed={shown.value?.record.id === id} onClick={() => void showRun(id)}>
        {name} <small>{isTraining ? "training" : standingText(record)}</small>
      </button>
      <button
        type="button"
        class="close"
        disabled={isTraining}
        aria-label={`delete ${name}`}
        onClick={() => void remove(record)}
      >
        ×
      </button>
    </li>
  );
}
