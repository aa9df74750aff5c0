// Charts of a page, drawn by Observable Plot as SVG. Colours are Okabe and Ito's (2008), which the colour-blind tell
// apart; text takes the page's colour, so that charts are read on dark and light, and in print.
import type { PlotOptions } from "@observablehq/plot";
import { Markup, html } from "../markup.ts";

/** What charts are drawn with. Only who draws some needs Plot installed, so it comes from the caller. */
export interface PlotDocument {
  readonly Plot: typeof import("@observablehq/plot");
  /** What Plot makes elements of: the page's own document, or one without a page. */
  readonly elements: NonNullable<PlotOptions["document"]>;
}

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
  readonly yRange?: readonly [number, number] | undefined;
  readonly width?: number;
  readonly height?: number;
}

/** Lines over one axis, with their names above. */
export function lineChart(
  lines: readonly Line[],
  { document, xLabel, yLabel, yRange, width = 400, height = 220 }: ChartOptions,
): Markup {
  const { Plot } = document;
  const points = lines.flatMap(({ name, points }) => points.map(({ x, y }) => ({ name, x, y: y ?? NaN })));
  const xs = new Set(points.map(({ x }) => x));
  const isWhole = [...xs].every(Number.isInteger) && xs.size <= 12;
  return figure(
    document,
    lines.map(({ name }) => name),
    {
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
  const { Plot } = document;
  const values = groups.flatMap(({ name, values }) =>
    values.filter(Number.isFinite).map((value) => ({ group: name, value })),
  );
  // An axis of nothing but zeros has no length.
  const range = yRange ?? (values.every(({ value }) => value === 0) ? [0, 1] : undefined);
  return figure(document, [], {
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

/** Points of one kind, by their places in the list of positions. */
export interface Category {
  readonly name: string;
  readonly points: readonly number[];
}

/** Background first. Light and dark in turn, so that two can be told apart in print without colour. */
const CATEGORY_COLOURS = [COLOURS[4], COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[3], COLOURS[5], COLOURS[6]] as const;
const categoryColour = (k: number): string => CATEGORY_COLOURS[k % CATEGORY_COLOURS.length]!;

/** Points that are drawn: more hide each other, and make a page that opens slowly. */
const MOST_DRAWN = 4000;

/**
 * Points [n, 2] of a map whose axes mean nothing, in one scale, coloured by category. Of more than 4,000 the first are
 * drawn, and the caption, which begins with the title, says so.
 */
export function scatterChart(
  positions: readonly number[],
  categories: readonly Category[],
  document: PlotDocument,
  title: string,
): Markup {
  const { Plot } = document;
  const total = positions.length / 2;
  const dots = categories
    .flatMap(({ name, points }) => points.filter((i) => i < MOST_DRAWN).map((i) => ({ i, name })))
    .sort((a, b) => a.i - b.i)
    .map(({ i, name }) => ({ name, x: positions[2 * i]!, y: positions[2 * i + 1]! }));
  const names = categories.map(({ name }) => name);
  const range = names.map((_, k) => categoryColour(k));
  return figure(
    document,
    names,
    {
      width: 400,
      height: 400,
      margin: 4,
      inset: 8,
      x: { axis: null, domain: squareOf(dots, "x", "y") },
      y: { axis: null, domain: squareOf(dots, "y", "x") },
      color: { domain: names, range },
      marks: [
        Plot.frame({ strokeOpacity: 0.3 }),
        Plot.dot(dots, { x: "x", y: "y", r: dots.length > 1000 ? 1.6 : 2.4, fill: "name", fillOpacity: 0.8 }),
      ],
    },
    { colours: range, caption: total > dots.length ? `${title}: ${dots.length} of ${total} points are drawn` : title },
  );
}

/** The range of one coordinate, as long as that of the longer one. */
function squareOf(dots: readonly { x: number; y: number }[], own: "x" | "y", other: "x" | "y"): [number, number] {
  const rangeOf = (key: "x" | "y"): [number, number] =>
    dots.reduce<[number, number]>(
      ([low, high], dot) => [Math.min(low, dot[key]), Math.max(high, dot[key])],
      [Infinity, -Infinity],
    );
  const [low, high] = rangeOf(own);
  const [otherLow, otherHigh] = rangeOf(other);
  const half = Math.max(high - low, otherHigh - otherLow) / 2;
  return [(low + high) / 2 - half, (low + high) / 2 + half];
}

/** Digits beyond a tenth of a pixel only make a page long. */
const rounded = (svg: string): string => svg.replace(/(\d\.\d)\d{2,}(?=")/g, "$1");

function figure(
  { Plot, elements }: PlotDocument,
  names: readonly string[],
  options: PlotOptions,
  { colours = COLOURS, caption }: { colours?: readonly string[]; caption?: string | undefined } = {},
): Markup {
  const plot = Plot.plot({ ...options, document: elements });
  // A label is for an element with a role: Plot names its groups and gives them none.
  for (const group of plot.querySelectorAll("g[aria-label]")) group.setAttribute("role", "group");
  const svg = new Markup(rounded(plot.outerHTML));
  const legend = names.map(
    (name, i) => html`<span><i style="background:${colours[i % colours.length]!}"></i>${name}</span>`,
  );
  return html`<figure>${names.length > 1 ? html`<div class="legend">${legend}</div>` : undefined}${svg}${
    caption === undefined ? undefined : html`<figcaption>${caption}</figcaption>`
  }</figure>`;
}
