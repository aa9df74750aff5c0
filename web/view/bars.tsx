// A timeline's stages as bars that pointer and keys go along; what is under them is shown below.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { digits } from "../../bench/measure/statistics.ts";
import type { Stage, Timeline } from "../../lab/timeline.ts";
import { colourOf, layBars, rowsFor } from "./bars.ts";

const ROW = 34;
const HIGH = 26;

export interface BarsProps {
  readonly timeline: Timeline;
  /** Kernels by colour. */
  readonly kernels: readonly string[];
}

export function Bars({ timeline: { stages }, kernels }: BarsProps): JSX.Element {
  const current = useSignal(heaviest(stages));
  const rows = rowsFor(stages.length);
  const bars = layBars(
    stages.map(({ timeUs = 0 }) => timeUs),
    rows,
  );
  const point = (event: PointerEvent): void => {
    const stage = (event.target as SVGElement).dataset.stage;
    if (stage !== undefined) current.value = Number(stage);
  };
  const goAlong = (event: KeyboardEvent): void => {
    const last = stages.length - 1;
    const to = placeAfter(event.key, current.value, last);
    if (to === undefined) return;
    event.preventDefault();
    current.value = Math.max(0, Math.min(last, to));
  };
  const stage = stages[current.value]!;
  return (
    <figure class="timeline">
      <div
        class="bars"
        role="slider"
        tabIndex={0}
        aria-label="stage of the run"
        aria-valuemin={1}
        aria-valuemax={stages.length}
        aria-valuenow={current.value + 1}
        aria-valuetext={`${stage.kernel}, ${numbersOf(stage)}, ${stage.label}`}
        onPointerMove={point}
        onPointerDown={point}
        onKeyDown={goAlong}
      >
        <svg width="100%" height={rows * ROW} aria-hidden="true">
          {bars.map(({ stage: i, row, x, width }) => (
            <rect
              key={`${i} ${row}`}
              data-stage={i}
              class={i === current.value ? "bar current" : "bar"}
              x={`${100 * x}%`}
              y={row * ROW + 2}
              width={`${100 * width}%`}
              height={HIGH}
              style={{ fill: colourOf(kernels.indexOf(stages[i]!.kernel)) }}
            />
          ))}
        </svg>
      </div>
      <figcaption class="stage">
        <span>
          <span class="swatch" style={{ background: colourOf(kernels.indexOf(stage.kernel)) }} />{" "}
          <strong>{stage.kernel}</strong> · stage {current.value + 1} of {stages.length} · {numbersOf(stage)}
        </span>
        <code>
          {stage.label}
          {stage.fused.length > 0 && ` ← ${stage.fused.join(", ")}`}
        </code>
      </figcaption>
    </figure>
  );
}

/** Where a key leads, as a slider's does. */
function placeAfter(key: string, at: number, last: number): number | undefined {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return at + 1;
    case "ArrowLeft":
    case "ArrowUp":
      return at - 1;
    case "PageDown":
      return at + 10;
    case "PageUp":
      return at - 10;
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return undefined;
  }
}

const heaviest = (stages: readonly Stage[]): number =>
  stages.reduce((best, { timeUs = 0 }, i) => (timeUs > (stages[best]!.timeUs ?? 0) ? i : best), 0);

function numbersOf({ timeUs = 0, flops, bytes }: Stage): string {
  const rate = (work: number, unit: string): string[] =>
    work > 0 && timeUs > 0 ? [`${digits(work / timeUs / 1e3)} ${unit}`] : [];
  return [`${digits(timeUs)} µs`, ...rate(flops, "GFLOP/s"), `${digits(bytes / 1e6)} MB`, ...rate(bytes, "GB/s")].join(
    " · ",
  );
}
