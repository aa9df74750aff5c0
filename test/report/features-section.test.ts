// The page's section on features: pictures of layers, and t-SNE maps.
import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { plotDocument } from "../../report/page/plot-document.ts";
import {
  type FeatureClustersRecord,
  type FeatureMapsRecord,
  featuresSection,
} from "../../report/page/features-section.ts";
import { html } from "../../report/markup.ts";

const test = suite("report: features");
const document = await plotDocument();

const png = Uint8Array.of(1, 2, 3);
const maps: FeatureMapsRecord = {
  steps: 40,
  slice: "slice 3 of case <a>",
  image: png,
  layers: ["coarse", "fine"].map((name, i) => ({
    name,
    shape: [32 * (i + 1), 32 * (i + 1), 64] as const,
    shown: 24,
    networks: [
      { name: "student", png },
      { name: "teacher", png },
    ] as const,
  })),
};
const clusters = (points: number): FeatureClustersRecord => ({
  steps: 40,
  cases: "2 validation cases",
  window: 160,
  seed: 3,
  perplexity: 60,
  iterations: 1000,
  classes: ["background", "structure"],
  maps: (["student", "teacher"] as const).map((network) => ({
    layer: "fine",
    channels: 64,
    network,
    divergence: 1.23456,
    positions: Array.from({ length: 2 * points }, (_, i) => Math.sin(i) * 40),
    labels: Array.from({ length: points }, (_, i) => i % 2),
  })),
});
const shown = (m?: FeatureMapsRecord, c?: FeatureClustersRecord) =>
  parseHTML(`<!doctype html><html><body>${html`${featuresSection(m, c, document)?.body}`}</body></html>`).document;

test("each layer has its pictures, student beside teacher, and says shape, channels, slice and steps", () => {
  const page = shown(maps);
  assert.equal(
    [...page.querySelectorAll("h3")].map((h) => h.textContent),
    ["Coarse, 32 × 32 × 64", "Fine, 64 × 64 × 64"],
  );
  assert.equal(
    [...page.querySelectorAll("figcaption")].map((c) => c.textContent),
    [
      "Slice 3 of case <a>, with the contours of the expert's mask.",
      ...["Student", "Teacher", "Student", "Teacher"].map((name) => `${name}, channels 1 to 24`),
    ],
  );
  assert.is(page.querySelectorAll("img").length, 5);
  assert.match(page.body.textContent, "after 40 steps");
});

test("t-SNE maps have a dot a pixel, and say what they are made of", () => {
  const page = shown(undefined, clusters(100));
  const charts = [...page.querySelectorAll("svg")];
  assert.is(charts.length, 2);
  for (const chart of charts) {
    const dots = [...chart.querySelectorAll("circle")];
    assert.is(dots.length, 100);
    assert.equal(new Set(dots.map((d) => d.getAttribute("fill"))).size, 2);
    for (const dot of dots)
      for (const name of ["cx", "cy"]) {
        const at = Number(dot.getAttribute(name));
        assert.ok(at >= 4 && at <= 396, `${name} ${at}`);
      }
  }
  const text = page.body.textContent.replace(/\s+/g, " ");
  for (const words of [
    "after 40 steps",
    "square of 160 pixels",
    "2 validation cases",
    "Perplexity 60, 1000 iterations, seed 3",
  ])
    assert.match(text, words);
  assert.equal(
    [...page.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")].map((c) => c.textContent)),
    ["student", "teacher"].map((network) => [`Fine, ${network}`, "64", "50", "50", "1.235"]),
  );
});

test("of many points 4000 are drawn, and it says so", () => {
  const page = shown(undefined, clusters(9000));
  assert.is(page.querySelector("svg")!.querySelectorAll("circle").length, 4000);
  assert.is(page.querySelector("figcaption")!.textContent, "Fine, student: 4000 of 9000 points are drawn");
  assert.ok(page.querySelector("svg")!.outerHTML.length < 500_000);
});

test("maps of other weights than those that are kept say so", () => {
  assert.not.match(shown(maps, clusters(10)).body.textContent, "map them again");
  assert.match(shown({ ...maps, steps: 80 }, clusters(10)).body.textContent, "map them again by cmedl report --tsne");
  assert.is(featuresSection(undefined, undefined, document), undefined);
});

test.run();
