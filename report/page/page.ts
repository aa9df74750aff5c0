// One file that holds all of a page: no script, nothing fetched, readable on a phone, on paper, and by a screen reader.
import { type Content, Markup, type PictureType, dataUrl, html } from "../markup.ts";

export interface Section {
  readonly title: string;
  readonly body: Content;
}

export interface Page {
  readonly title: string;
  /** Below the title. */
  readonly lead: Content;
  readonly sections: readonly Section[];
}

/** A picture with its caption. */
export interface PagePicture {
  readonly title: string;
  readonly type: PictureType;
  readonly bytes: Uint8Array;
}

export const pictureFigure = ({ title, type, bytes }: PagePicture): Markup => html`
<figure><img alt="${title}" src="${dataUrl(type, bytes)}"><figcaption>${title}</figcaption></figure>
`;

/** Stands on every page about results. */
export const NOT_FOR_DIAGNOSIS = "Not for diagnostic use.";

// Whatever text came from a file, a browser runs and fetches nothing.
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

const STYLE = new Markup(`
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; } figure svg { width: 100%; height: auto; overflow: visible; }
figcaption { font-size: .9rem; opacity: .8; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 36rem)); gap: 1rem; margin: 0 0 1rem; }
.pair img { width: 100%; } .pair svg { max-width: 28rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; }
.legend i { display: inline-block; width: 1.2em; height: .3em; margin-right: .4em; vertical-align: middle; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; height: auto; image-rendering: pixelated; }
.sign { border-left: .3rem solid #D55E00; padding: .1rem .8rem; margin: .5rem 0; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); font-size: .85rem; }
details > summary { cursor: pointer; } footer { margin: 2rem 0 1rem; opacity: .8; font-size: .9rem; }
@media print { body { max-width: none; font-size: 11px; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
`);

/** The text of an HTML file. */
export const pageText = ({ title, lead, sections }: Page): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style></head>
<body>
<header><h1>${title}</h1>${lead}</header>
<main>
${sections.map(({ title: name, body }) => html`<section><h2>${name}</h2>\n${body}\n</section>\n`)}</main>
<footer>${NOT_FOR_DIAGNOSIS} Made by cmedl.</footer>
</body></html>
`.text;
