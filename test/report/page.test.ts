// The page of a run: what it shows, and that text from files stays text.
import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { plotDocument } from "../../report/page/plot-document.ts";
import { type Group, boxChart, lineChart } from "../../report/page/charts.ts";
import { experimentPage } from "../../report/page/experiment-page.ts";
import { html, dataUrl } from "../../report/markup.ts";
import { type RunRecord, runPage } from "../../report/page/run-page.ts";

const test = suite("report page");
const document = await plotDocument();
const options = { document, xLabel: "epoch", yLabel: "Dice" };

const record: RunRecord = {
  name: "run <b>1</b>",
  status: "finished",
  signs: [{ epoch: 2, message: "every mask is empty", mend: "train longer & see" }],
  epochs: [1, 2, 3].map((epoch) => ({
    epoch,
    losses: { diceCT: 1 / epoch, advM: 0.5, hintS: 2, lossS: 3, unheard: 1 },
    scheduled: { hint: epoch / 3 },
    validationLoss: 0.9 / epoch,
    dice: 0.2 * epoch,
    best: epoch < 3,
  })),
  steps: [
    { steps: 1, ms: 40, norms: { S: 1.5 } },
    { steps: 2, ms: 20, norms: { S: 1.2 } },
    { steps: 3, ms: 30 },
  ],
  pictures: [{ title: 'the "last"', type: "image/svg+xml", bytes: Uint8Array.of(1, 2, 3) }],
  tests: [
    {
      title: "Test",
      toleranceMm: 3,
      cases: {
        a: { DSC: 0.9, HD95: 3, segmented: 0.1 },
        "b<script>": { DSC: 0.2, HD95: 40 },
        c: { DSC: null, HD95: NaN },
      },
      roc: { falsePositive: [0, 0.5, 1], truePositive: [0, 0.9, 1], auc: 0.7 },
    },
  ],
  config: "seed: 1 # <x>",
  starts: [{ cmedl: "0.1.0", command: ["a", "b"] }],
};
const page = runPage(record, document);
const parsed = parseHTML(page).document;

test("text from files stays text; nothing runs and nothing is fetched", () => {
  assert.is(parsed.querySelector("h1")!.textContent, "run <b>1</b>");
  assert.is(parsed.querySelectorAll("script, b, link, iframe").length, 0);
  assert.match(page, "b&lt;script&gt;");
  assert.match(parsed.querySelector("meta[http-equiv]")!.getAttribute("content")!, /^default-src 'none'/);
  for (const img of parsed.querySelectorAll("img"))
    assert.match(img.getAttribute("src")!, /^data:image\/svg\+xml;base64,/);
  assert.is(html`<p title="${`'"`}">${"\u0000<"}</p>`.text, '<p title="&#39;&quot;">\u{FFFD}&lt;</p>');
});

test("sections are those that there is something for", () => {
  const titles = [...parsed.querySelectorAll("h2")].map((h) => h.textContent);
  assert.equal(titles, [
    "Signs of a collapse",
    "Validation",
    "Losses in training",
    "Pictures",
    "Test",
    "Steps",
    "Configuration",
    "Environment",
  ]);
  const empty = runPage({ ...record, signs: [], epochs: [], steps: [], pictures: [], tests: [], starts: [] }, document);
  assert.equal(
    [...parseHTML(empty).document.querySelectorAll("h2")].map((h) => h.textContent),
    ["Configuration"],
  );
});

test("signs say what helps, the lead which epoch is kept, and pages what they are not for", () => {
  assert.match(page, "Epoch 2: every mask is empty.</strong> What helps: train longer &amp; see.");
  assert.match(page, "The epoch that is kept is 2, with the lowest validation loss of 0.450");
  assert.match(page, "Not for diagnostic use.");
});

test("a test's table has means over what is defined, and the worst cases first", () => {
  const section = [...parsed.querySelectorAll("section")].find((s) => s.querySelector("h2")!.textContent === "Test")!;
  const rows = [...section.querySelectorAll("tr")].map((row) =>
    [...row.querySelectorAll("th, td")].map((c) => c.textContent),
  );
  assert.equal(rows[1], ["DSC", "0.550", "0.495", "2"]);
  assert.equal(
    rows.slice(4).map(([id]) => id),
    ["b<script>", "a", "c"],
  );
});

test("a test of weights that are no longer kept says so", () => {
  assert.not.match(page, "A later epoch is kept by now");
  const tests = record.tests.map((one) => ({ ...one, epoch: 1 }));
  assert.match(runPage({ ...record, tests }, document), "A later epoch is kept by now: test again.");
});

test("epochs are whole numbers on an axis", () => {
  const lines = ["a", "b"].map((name) => ({ name, points: [1, 2].map((x) => ({ x, y: 100 * x })) }));
  assert.not.match(lineChart(lines, options).text, /\d\.\d+<\/text>/);
  assert.not.match(lineChart(lines, options).text, "⚠");
});

test("losses are in groups, each with a line, unknown ones too", () => {
  const section = [...parsed.querySelectorAll("section")].find((s) =>
    /^Losses/.test(s.querySelector("h2")!.textContent!),
  )!;
  assert.is(section.querySelectorAll("figure").length, 5);
  assert.match(section.textContent!, "others");
});

test("charts leave gaps for what is not defined, and draw one value as a dot", () => {
  const line = lineChart([{ name: "one", points: [{ x: 1, y: 0.5 }] }], options).text;
  assert.match(line, "<circle");
  const gap = lineChart(
    [{ name: "gap", points: [1, 2, 3, 4, 5].map((x) => ({ x, y: x === 3 ? null : x })) }],
    options,
  ).text;
  assert.not.match(gap, "NaN");
  const groups: Group[] = [
    { name: "a", values: [0.1, 0.5, NaN, 0.9] },
    { name: "none", values: [] },
  ];
  const boxes = boxChart(groups, { ...options, yRange: [0, 1] }).text;
  assert.not.match(boxes, "NaN");
  assert.is(boxes.split("<circle").length - 1, 3);
});

test("an axis has a metric's range where it has one: Dice from 0 to 1, SSIM as far below 0 as its values lie", () => {
  const cases = Object.fromEntries([-0.3, 0.2, 0.4].map((SSIM, i) => [`c${i}`, { KL: 2, SSIM, PSNR: 20 }]));
  const labels = (tests: RunRecord["tests"]): (string | null)[] =>
    [
      ...parseHTML(runPage({ ...record, epochs: [], steps: [], tests }, document)).document.querySelectorAll(
        "[aria-label='y-axis tick label'] text",
      ),
    ].map((tick) => tick.textContent);
  assert.ok(labels([{ title: "Translation", cases }]).some((label) => label!.startsWith("−0.")));
  const dice = labels([{ title: "Test", cases: { a: { DSC: 0.6 }, b: { DSC: 0.7 } } }]);
  assert.equal([dice[0], dice.at(-1)], ["0.0", "1.0"]);
});

test("an experiment's page has its tables, values and notes; charts of nothing are left out", () => {
  const text = experimentPage(
    {
      title: "Table I",
      findings: ["CMEDL against CT only: no gain is shown"],
      tables: [
        {
          title: "Dice",
          head: ["", "Row", "DSC"],
          groups: [
            {
              name: "Unet",
              rows: [
                ["A <x>", "0.5"],
                ["B", "0.6"],
              ],
            },
          ],
        },
      ],
      boxes: [
        { title: "Unet", metric: "DSC", groups: [{ name: "A", values: [0.4, 0.6] }], range: [0, 1] },
        { title: "Unet", metric: "HD95 in mm", groups: [{ name: "A", values: [] }] },
      ],
      notes: ["mean ± deviation"],
    },
    document,
  );
  const shown = parseHTML(text).document;
  assert.equal(
    [...shown.querySelectorAll("h2")].map((h) => h.textContent),
    ["Dice", "Values", "Notes"],
  );
  assert.equal(
    [...shown.querySelectorAll("tbody tr")].map((r) => r.textContent),
    ["UnetA <x>0.5", "B0.6"],
  );
  assert.is(shown.querySelectorAll("figure").length, 1);
  assert.match(text, "no gain is shown.");
});

test("pictures keep every byte", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const [, base64] = /base64,([^"]+)"/.exec(`"${dataUrl("image/png", bytes)}"`)!;
  assert.equal(new Uint8Array(Buffer.from(base64!, "base64")), bytes);
});

test.run();
