// What the networks of a run hold inside, as the paper shows it: maps of features (Fig. 5) and t-SNE maps of their
// vectors (Fig. 6).
import { type Category, type PlotDocument, scatterChart } from "./charts.ts";
import { type Markup, dataUrl, html, tableMarkup } from "../markup.ts";
import type { Section } from "./page.ts";

/** Pictures of a layer's first channels, student and teacher by one scale. */
export interface FeatureMapsRecord {
  /** Of the weights. */
  readonly steps: number;
  /** In words: "slice 12 of case x". */
  readonly slice: string;
  /** The slice with the contours of the expert's mask, of each class in its colour, as a PNG. */
  readonly image: Uint8Array;
  readonly layers: readonly {
    readonly name: string;
    readonly shape: readonly [height: number, width: number, channels: number];
    /** How many channels are shown. */
    readonly shown: number;
    readonly networks: readonly { readonly name: NetworkName; readonly png: Uint8Array }[];
  }[];
}

export type NetworkName = "student" | "teacher";

/** Maps of pixels by their features. */
export interface FeatureClustersRecord {
  readonly steps: number;
  /** Which cases' pixels, in words. */
  readonly cases: string;
  /** Side of the square round the structure, in pixels of the slice. */
  readonly window: number;
  readonly seed: number;
  readonly perplexity: number;
  readonly iterations: number;
  /** Class 0 is the background. */
  readonly classes: readonly string[];
  readonly maps: readonly {
    readonly layer: string;
    readonly channels: number;
    readonly network: NetworkName;
    /** KL(P ‖ Q) in nats. */
    readonly divergence: number;
    /** [points, 2], in an order drawn at random. */
    readonly positions: readonly number[];
    readonly labels: readonly number[];
  }[];
}

/** The section; undefined where nothing was looked at. */
export function featuresSection(
  maps: FeatureMapsRecord | undefined,
  clusters: FeatureClustersRecord | undefined,
  document: PlotDocument,
): Section | undefined {
  if (!maps && !clusters) return undefined;
  return {
    title: "Features",
    body: [maps ? mapsMarkup(maps) : undefined, clusters ? clustersMarkup(clusters, document, maps?.steps) : undefined],
  };
}

const mapsMarkup = ({ steps, slice, image, layers }: FeatureMapsRecord): Markup => html`
<div class="charts"><figure><img alt="${slice}" src="${dataUrl("image/png", image)}"><figcaption>${capital(slice)}, with the contours of the expert's mask.</figcaption></figure>
<div><p>The first channels of the layers that distillation ties, on this slice, after ${steps} steps.</p>
<p>Each channel has one scale for all networks: black is what half a percent of its pixels lie below, white what half
 a percent lie above; where these are one value, black is the least and white the greatest. A channel that is the same everywhere is black.</p></div></div>
${layers.map(
  ({ name, shape, shown, networks }) => html`<h3>${capital(name)}, ${shape.join(" × ")}</h3>
<div class="pair">${networks.map((network) => {
    const title = `${capital(network.name)}, channels 1 to ${shown}`;
    return html`<figure><img alt="${name}, ${title}" src="${dataUrl("image/png", network.png)}"><figcaption>${title}</figcaption></figure>`;
  })}</div>\n`,
)}`;

function clustersMarkup(record: FeatureClustersRecord, document: PlotDocument, keptSteps = record.steps): Markup {
  const { steps, cases, window, seed, perplexity, iterations, classes, maps } = record;
  const layers = [...new Set(maps.map(({ layer }) => layer))];
  const rows = maps.map(({ layer, network, channels, labels, divergence }) => [
    `${capital(layer)}, ${network}`,
    channels,
    ...classes.map((_, k) => labels.filter((label) => label === k).length),
    divergence.toFixed(3),
  ]);
  return html`
<h3>Pixels by their features (t-SNE)</h3>
${steps === keptSteps ? undefined : html`<p>Other weights are kept by now: map them again by <code>cmedl report --tsne</code>.</p>`}
<p>Each point is a pixel, placed so that near points have like features after ${steps} steps; the axes mean nothing.
 As many pixels of structures as of the background, out of a square of ${window} pixels round the structure, of ${cases}.
 Perplexity ${perplexity}, ${iterations} iterations, seed ${seed}.</p>
${layers.map(
  (name) =>
    html`<div class="pair">${maps
      .filter(({ layer }) => layer === name)
      .map(({ network, positions, labels }) =>
        scatterChart(positions, categoriesOf(classes, labels), document, `${capital(name)}, ${network}`),
      )}</div>\n`,
)}
${tableMarkup(["Layer, network", "channels", ...classes.map((name) => `pixels: ${name}`), "KL divergence"], rows)}`;
}

const categoriesOf = (classes: readonly string[], labels: readonly number[]): Category[] =>
  classes.map((name, k) => ({ name, points: [...labels.keys()].filter((i) => labels[i] === k) }));

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
