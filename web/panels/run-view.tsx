// A run as it goes, or as it went: where it stands, its charts and its picture.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Line } from "../../report/page/charts.ts";
import { groupLosses } from "../../report/page/loss-groups.ts";
import { dataUrl } from "../../report/markup.ts";
import { clock } from "../../report/quantities.ts";
import type { EpochEvent, RunEvent, SignEvent, StepEvent } from "../../train/run/events.ts";
import type { RunNews } from "../worker/run-keeper.ts";
import type { RunRecord } from "../worker/run-store.ts";
import { Chart } from "./chart.tsx";
import { downloadModel, shown, train, training, useModel } from "./training-state.ts";

export function RunView(): JSX.Element {
  const run = shown.value;
  const svg = run?.picture;
  const address = useMemo(() => svg && dataUrl("image/svg+xml", new TextEncoder().encode(svg)), [svg]);
  if (!run) return <p class="note">Charts and pictures of a run are shown here.</p>;
  const { record, events } = run;
  const ofKind = <E extends RunEvent>(kind: E["event"]): E[] => events.filter((e): e is E => e.event === kind);
  const steps = ofKind<StepEvent>("step");
  const epochs = ofKind<EpochEvent>("epoch");
  const dice = epochs.filter((e) => e.dice !== null);
  return (
    <>
      <h2>{record.name}</h2>
      <Standing record={record} />
      {ofKind<SignEvent>("sign").map(({ code, epoch, message, mend }) => (
        <p key={code} class="sign" role="note">
          <strong>
            Epoch {epoch}: {message}.
          </strong>{" "}
          What helps: {mend}.
        </p>
      ))}
      {record.notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
      <div class="charts">
        {dice.length > 0 && (
          <Chart
            title="Dice of the validation cases"
            xLabel="epoch"
            yRange={[0, 1]}
            lines={[{ name: "mean Dice", points: dice.map((e) => ({ x: e.epoch, y: e.dice })) }]}
          />
        )}
        {groupLosses(Object.keys(steps.at(-1)?.losses ?? {})).map(({ title, names }) => (
          <Chart key={title} title={title} xLabel="step" lines={names.map((name) => overSteps(steps, name))} />
        ))}
      </div>
      {address && (
        <img
          class="epoch"
          alt={`Validation slices after epoch ${epochs.at(-1)?.epoch ?? ""}, with the expert's contours and the run's`}
          src={address}
        />
      )}
    </>
  );
}

const overSteps = (steps: readonly StepEvent[], name: string): Line => ({
  name,
  points: steps.map((e) => ({ x: e.steps, y: e.losses[name] ?? null })),
});

function Standing({ record }: { readonly record: RunRecord }): JSX.Element {
  const live = training.value?.id === record.id ? training.value : undefined;
  return (
    <>
      <p class="numbers">{live?.news ? newsText(live.news) : live ? "beginning" : standingText(record)}</p>
      {live && <progress aria-label="of the run" max={1} value={live.news?.what === "training" ? live.news.part : 0} />}
      <div class="row">
        {live ? (
          <>
            <button type="button" onClick={live.pause}>
              Pause
            </button>
            <button type="button" title="ends it now; steps since the last save are lost" onClick={live.stop}>
              Stop without saving
            </button>
          </>
        ) : (
          canGoOn(record) && (
            <button type="button" disabled={training.value !== undefined} onClick={() => void train(record.id)}>
              {record.steps > 0 ? "Go on" : "Start"}
            </button>
          )
        )}
        <button type="button" disabled={record.steps === 0} onClick={() => void useModel(record.id)}>
          Use in Segment
        </button>
        <button type="button" disabled={record.steps === 0} onClick={() => void downloadModel(record.id)}>
          Download the model
        </button>
      </div>
    </>
  );
}

const canGoOn = ({ state }: RunRecord): boolean => state === "new" || state === "paused" || state === "failed";
const totalOf = ({ config, stepsPerEpoch }: RunRecord): number => config.optimization.epochs * stepsPerEpoch;

/** Where a run stands, in words. */
export function standingText(record: RunRecord): string {
  const { state, steps, best, problem } = record;
  const dice = best ? `, Dice ${best.dice.toFixed(2)} at best (epoch ${best.epoch})` : "";
  const why = problem === undefined ? "" : `: ${problem}`;
  return `${WORDS[state]} after ${steps} of ${totalOf(record)} steps${dice}${why}`;
}
const WORDS: Readonly<Record<RunRecord["state"], string>> = {
  new: "not begun,",
  running: "training in another tab,",
  paused: "paused",
  finished: "finished",
  stopped: "stopped early",
  failed: "failed",
};

function newsText({ what, part, record, secondsPerStep, secondsLeft }: RunNews): string {
  if (what !== "training" && what !== "validating") return `${what}, ${Math.round(100 * part)} %`;
  const total = totalOf(record);
  const done = `step ${Math.round(part * total)} of ${total}`;
  const time = secondsPerStep === undefined ? "" : `, ${secondsPerStep.toPrecision(2)} s a step`;
  const left = secondsLeft === undefined ? "" : `, ${clock(secondsLeft)} left`;
  return `${what}: ${done}${time}${left}`;
}
