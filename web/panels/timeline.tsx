// One run of a network as bars, a stage each, by layer and by kernel.
import { signal } from "@preact/signals";
import type { Remote } from "comlink";
import type { JSX } from "preact";
import { SHARE_HEADS, shareCells, timelineMarkdown } from "../../bench/say/markdown.ts";
import { type Timeline, byKernel, reconciled } from "../../lab/timeline.ts";
import { during, say, work } from "../state.ts";
import { callback } from "../studio.ts";
import { colourOf } from "../view/bars.ts";
import { Bars } from "../view/bars.tsx";
import type { Kernels } from "../worker/kernels.ts";
import type { Progress } from "../worker/segmenting.ts";
import { Figures } from "../view/figures.tsx";
import { Copy } from "./copy.tsx";
import { Layers } from "./layers.tsx";

interface TimelineProps {
  readonly worker: Remote<Kernels>;
  readonly networks: readonly string[];
  readonly isSoftware: boolean;
}

const PASSES = ["training", "inference"] as const;
const SHARES = [1, 1 / 2, 1 / 4, 1 / 8] as const;
const shown = signal<Timeline | undefined>(undefined);

export function TimelineSection({ worker, networks, isSoftware }: TimelineProps): JSX.Element {
  const profile = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const number = (name: string): number => Number(form.get(name));
    void run(worker, {
      network: String(form.get("network")),
      pass: PASSES.find((pass) => pass === form.get("pass"))!,
      size: number("size"),
      batch: number("batch"),
      share: number("share"),
    });
  };
  return (
    <section aria-labelledby="timeline-heading">
      <h2 id="timeline-heading">Timeline</h2>
      <form class="row" onSubmit={profile}>
        <select name="network" aria-label="network">
          {networks.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <select name="pass" aria-label="what is run">
          <option value="training">a training step</option>
          <option value="inference">inference</option>
        </select>
        <label>
          pixels
          <input
            name="size"
            type="number"
            min={32}
            max={1024}
            step={32}
            defaultValue={isSoftware ? "64" : "256"}
            required
          />
        </label>
        <label>
          images
          <input name="batch" type="number" min={1} max={64} step={1} defaultValue="2" required />
        </label>
        <label>
          width
          <select name="share">
            {SHARES.map((share) => (
              <option key={share} value={share} selected={share === (isSoftware ? 1 / 4 : 1)}>
                {share === 1 ? "full" : `1/${1 / share}`}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={work.value !== undefined}>
          Profile
        </button>
        {shown.value && (
          <Copy what="the timeline" json={() => shown.value} markdown={() => timelineMarkdown(shown.value!)} />
        )}
      </form>
      {shown.value && <Shown timeline={shown.value} />}
    </section>
  );
}

function Shown({ timeline }: { readonly timeline: Timeline }): JSX.Element {
  const kernels = byKernel(timeline);
  const names = kernels.map(({ kernel }) => kernel);
  return (
    <>
      <p>
        <strong>{timeline.name}</strong>: {timeline.stages.length} stages. {reconciled(timeline).join(" ")}
      </p>
      {timeline.sumUs !== undefined && <Bars key={timeline.date} timeline={timeline} kernels={names} />}
      <Layers key={timeline.date} timeline={timeline} />
      <Figures label="time by kernel" heads={SHARE_HEADS}>
        {kernels.map((share, at) => {
          const [kernel, ...numbers] = shareCells(share);
          return (
            <tr key={kernel}>
              <th scope="row">
                <span class="swatch" style={{ background: colourOf(at) }} /> {kernel}
              </th>
              {numbers.map((cell, i) => (
                <td key={SHARE_HEADS[i + 1]}>{cell}</td>
              ))}
            </tr>
          );
        })}
      </Figures>
    </>
  );
}

async function run(worker: Remote<Kernels>, request: Parameters<Kernels["timeline"]>[0]): Promise<void> {
  const found = (await during("profiling", (onProgress, stopped) =>
    worker.timeline(
      request,
      callback((progress: Progress) => onProgress(progress)),
      stopped,
    ),
  )) as Timeline | undefined;
  if (!found) return;
  shown.value = found;
  say(`${found.name}: ${found.stages.length} stages`);
}
