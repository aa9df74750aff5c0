// The page of an experiment: its tables, what they say, and the values behind each mean.
import type { Table } from "../table.ts";
import { type Group, type PlotDocument, boxChart } from "./charts.ts";
import { type Markup, html, tableMarkup } from "../markup.ts";
import { NOT_FOR_DIAGNOSIS, type PagePicture, pageText, pictureFigure } from "./page.ts";

/** Values side by side, as a box a group. */
export interface Boxes {
  readonly title: string;
  /** What is measured, with its unit. */
  readonly metric: string;
  readonly groups: readonly Group[];
  /** Where the values lie, if that is known. */
  readonly range?: readonly [number, number] | undefined;
}

export interface ExperimentRecord {
  readonly title: string;
  /** What was found, in sentences. */
  readonly findings: readonly string[];
  readonly tables: readonly Table[];
  readonly boxes: readonly Boxes[];
  readonly pictures?: readonly PagePicture[];
  /** What a reader of the tables must know. */
  readonly notes: readonly string[];
}

/** The page as the text of one HTML file; nothing in it is fetched. */
export function experimentPage(
  { title, findings, tables, boxes, pictures = [], notes }: ExperimentRecord,
  document: PlotDocument,
): string {
  const drawn = boxes.filter(({ groups }) => groups.some(({ values }) => values.some(Number.isFinite)));
  return pageText({
    title,
    lead: html`${findings.map((sentence) => html`<p>${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.</p>`)}<p><strong>${NOT_FOR_DIAGNOSIS}</strong></p>`,
    sections: [
      ...tables.map((table) => ({ title: table.title, body: tableOf(table) })),
      ...(drawn.length
        ? [{ title: "Values", body: html`<div class="charts">${drawn.map((one) => boxesOf(one, document))}</div>` }]
        : []),
      ...(pictures.length ? [{ title: "Pictures", body: pictures.map(pictureFigure) }] : []),
      { title: "Notes", body: html`<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>` },
    ],
  });
}

const tableOf = ({ head, groups }: Table): Markup =>
  tableMarkup(
    head,
    groups.flatMap(({ name, rows }) => rows.map((row, i) => [i === 0 ? name : "", ...row])),
  );

const boxesOf = ({ title, metric, groups, range }: Boxes, document: PlotDocument): Markup => html`
<div>${boxChart(groups, {
  document,
  xLabel: "",
  yLabel: metric,
  yRange: range,
  width: Math.max(360, 110 * groups.length),
})}<p>${title}</p></div>`;
