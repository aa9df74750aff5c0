// A chart of a report, drawn again while its lines grow: one chart at a time, by the worker.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Line } from "../../report/page/charts.ts";
import { studio } from "../studio.ts";

export interface ChartProps {
  readonly title: string;
  readonly xLabel: string;
  readonly yRange?: readonly [number, number];
  readonly lines: readonly Line[];
}

/** Between two charts. */
const PAUSE_MS = 150;
/** Points of a line; of more, neighbours are one point, their mean. */
const MOST_POINTS = 80;

export function Chart(props: ChartProps): JSX.Element {
  const [svg, setSvg] = useState("");
  const latest = useRef(props);
  const isWaiting = useRef(false);
  const isGone = useRef(false);
  latest.current = props;
  useEffect(
    () => () => {
      isGone.current = true;
    },
    [],
  );
  useEffect(() => {
    if (isWaiting.current) return;
    isWaiting.current = true;
    inTurn(async () => {
      isWaiting.current = false;
      if (!isGone.current) setSvg(await draw(latest.current));
    });
    // The last points are what counts: more come at the end, and no others change.
  }, [props.lines.map(({ points }) => `${points.length} ${points.at(-1)?.x}`).join()]);
  return <div class="chart" role="img" aria-label={textOf(props)} dangerouslySetInnerHTML={{ __html: svg }} />;
}

const draw = ({ title, xLabel, yRange, lines }: ChartProps): Promise<string> =>
  studio.charts.lines(
    lines.map(({ name, points }) => ({ name, points: thinned(points) })),
    { xLabel, yLabel: title, ...(yRange && { yRange }) },
  );

/** What the chart shows, for those who don't see it: where each line has come to. */
const textOf = ({ title, xLabel, lines }: ChartProps): string =>
  `${title}: ${lines
    .map(({ name, points }) => {
      const last = points.at(-1);
      return last ? `${name} ${last.y?.toFixed(3) ?? "none"} at ${xLabel} ${last.x}` : name;
    })
    .join(", ")}`;

function thinned(points: Line["points"]): Line["points"] {
  const each = Math.ceil(points.length / MOST_POINTS);
  if (each <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / each) }, (_, i) => {
    const some = points.slice(i * each, (i + 1) * each);
    const known = some.flatMap(({ y }) => (y !== null && Number.isFinite(y) ? [y] : []));
    const y = known.length > 0 ? known.reduce((sum, v) => sum + v, 0) / known.length : null;
    return { x: some.at(-1)!.x, y };
  });
}

let turns: Promise<unknown> = Promise.resolve();

/** Does `f` after all that wait before it, and lets time pass behind it. */
function inTurn(f: () => Promise<void>): void {
  turns = turns
    .then(f)
    .catch(() => {}) // a chart that can't be drawn is left as it was
    .then(() => new Promise((resolve) => setTimeout(resolve, PAUSE_MS)));
}
