// Charts of a page, drawn by Observable Plot as SVG. Colours are Okabe and Ito's (2008), which the colour-blind tell
// apart; text takes the page's colour, so that charts are read on dark and light, and in print.
import * as Plot from "@observablehq/plot";
import type { PlotOptions } from "@observablehq/plot";
import { Markup, html } from "../markup.ts";

/** What Plot makes elements of: the page's own document, or one without a page. */
export type PlotDocument = NonNullable<PlotOptions["document"]>;

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31"] as const;
const colourOf = (index: number): string => COLOURS[index % COLOURS.length]!;

export interface Line {
  readonly name: string;
  /** NaN and null leave a gap. */
  readonly points: readonly { readonly x: number; readonly y: number | null }[];
}

export interface ChartOptions {
  readonly document: PlotDocument;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Range of the values. Default: what they fill, and 0. */
  readonly yRange?: readonly [number, number];
  readonly width?: number;
  readonly height?: number;
}

/** Lines over one axis, with their names above. */
export function lineChart(
  lines: readonly Line[],
  { document, xLabel, yLabel, yRange, width = 400, height = 220 }: ChartOptions,
): Markup {
  const points = lines.flatMap(({ name, points }) => points.map(({ x, y }) => ({ name, x, y: y ?? NaN })));
  const xs = new Set(points.map(({ x }) => x));
  const isWhole = [...xs].every(Number.isInteger) && xs.size <= 12;
  return figure(
    lines.map(({ name }) => name),
    {
      document,
      width,
      height,
      x: { label: xLabel, ...(isWhole ? { ticks: [...xs], tickFormat: "d" } : {}) },
      y: { label: yLabel, grid: true, ...(yRange ? { domain: [...yRange] } : { zero: true }), nice: true },
      color: { domain: lines.map(({ name }) => name), range: lines.map((_, i) => colourOf(i)) },
      marks: [
        Plot.ruleY([yRange?.[0] ?? 0]),
        Plot.lineY(points, { x: "x", y: "y", z: "name", stroke: "name", strokeWidth: 1.8 }),
        // A line of one point is nothing.
        Plot.dot(
          points.filter(({ name }) => lines.find((l) => l.name === name)!.points.length === 1),
          { x: "x", y: "y", fill: "name" },
        ),
      ],
    },
  );
}

export interface Group {
  readonly name: string;
  readonly values: readonly number[];
}

/** A box a group: quartiles, whiskers to the last value within 1.5 × the box (Tukey), and each value as a dot. */
export function boxChart(
  groups: readonly Group[],
  { document, xLabel, yLabel, yRange, width = 400, height = 240 }: ChartOptions,
): Markup {
  const values = groups.flatMap(({ name, values }) =>
    values.filter(Number.isFinite).map((value) => ({ group: name, value })),
  );
  // An axis of nothing but zeros has no length.
  const range = yRange ?? (values.every(({ value }) => value === 0) ? [0, 1] : undefined);
  return figure([], {
    document,
    width,
    height,
    x: { label: xLabel, domain: groups.map(({ name }) => name) },
    y: { label: yLabel, grid: true, ...(range ? { domain: [...range] } : { zero: true }), nice: true },
    marks: [
      Plot.boxY(values, { x: "group", y: "value", fill: COLOURS[5], fillOpacity: 0.45, r: 0 }),
      Plot.dot(values, { x: "group", y: "value", r: 2, fill: "currentColor", fillOpacity: 0.5 }),
    ],
  });
}

function figure(names: readonly string[], options: PlotOptions): Markup {
  const svg = new Markup(Plot.plot(options).outerHTML);
  const legend = names.map((name, i) => html`<span><i style="background:${colourOf(i)}"></i>${name}</span>`);
  return html`<figure>${names.length > 1 ? html`<div class="legend">${legend}</div>` : undefined}${svg}</figure>`;
}
