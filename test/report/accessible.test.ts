// The pages of reports in Chromium, as wide as a desk's window and as a phone: what axe-core finds wrong with them.
import { suite } from "uvu";
import { experimentPage } from "../../report/page/experiment-page.ts";
import { plotDocument } from "../../report/page/plot-document.ts";
import { type RunRecord, runPage } from "../../report/page/run-page.ts";
import { assertAccessible } from "../helpers/accessible.ts";
import { chromium } from "../helpers/in-page.ts";

const test = suite("reports in a page");
const browser = await chromium();
const testInPage = browser ? test : test.skip;
test.after(() => browser?.close());
const document = await plotDocument();

const organs = ["liver", "right kidney", "left kidney", "spleen"];
const scores = Object.fromEntries(organs.flatMap((organ) => [[`DSC ${organ}`, 0.7] as const, [`HD95 ${organ}`, 9.1]]));
const png = Uint8Array.from(
  Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==", "base64"),
);
const run: RunRecord = {
  name: "organs",
  status: "finished",
  signs: [{ epoch: 2, message: "every mask is empty", mend: "train longer" }],
  epochs: [1, 2].map((epoch) => ({
    epoch,
    losses: { diceCT: 1 / epoch, advM: 0.5, hintS: 2, lossS: 3 },
    scheduled: { hint: epoch / 2 },
    validationLoss: 0.9 / epoch,
    dice: 0.2 * epoch,
    classes: Object.fromEntries(organs.map((organ) => [organ, 0.2 * epoch])),
    best: true,
  })),
  steps: [1, 2, 3].map((steps) => ({ steps, ms: 40 * steps, norms: { S: 1.5, G: 3 } })),
  pictures: [{ title: "epoch 2", type: "image/png", bytes: png }],
  tests: [
    {
      title: "Test on val cases",
      toleranceMm: 3,
      cases: { a: scores, b: scores },
      roc: { falsePositive: [0, 0.5, 1], truePositive: [0, 0.9, 1], auc: 0.7 },
    },
  ],
  config: `seed: 1 # ${"a line that is longer than a page is wide ".repeat(6)}`,
  starts: [{ cmedl: "0.1.0", command: ["cmedl", "train"] }],
};
const pages = {
  "a run's page": runPage(run, document),
  "an experiment's page": experimentPage(
    {
      title: "Table I",
      findings: ["no gain is shown"],
      tables: [{ title: "Dice", head: ["", "Row", "DSC"], groups: [{ name: "Unet", rows: [["CT only", "0.5"]] }] }],
      boxes: [{ title: "Unet", metric: "DSC", groups: [{ name: "CT only", values: [0.4, 0.6] }], range: [0, 1] }],
      notes: ["mean ± deviation"],
    },
    document,
  ),
};

for (const [name, text] of Object.entries(pages))
  for (const [width, colorScheme] of [
    [1200, "light"],
    [400, "dark"],
  ] as const)
    testInPage(`${name} is accessible, ${colorScheme} and ${width} pixels wide`, async () => {
      const page = await browser!.newPage({ viewport: { width, height: 800 }, colorScheme });
      try {
        await page.setContent(text);
        for (const details of await page.locator("details").all())
          await details.evaluate((element) => element.setAttribute("open", ""));
        await assertAccessible(page, name);
      } finally {
        await page.close();
      }
    });

test.run();
