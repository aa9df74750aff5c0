// The studio's server offers the trained models of a folder, and a static build says nothing of any.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/index.ts";
import { writeConfig } from "../../node/config-file.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { modelBelow, modelsBelow, zipOfRun } from "../../node/run/models-below.ts";
import { CommandError } from "../../node/errors.ts";
import { saveCheckpoint, startOfRun } from "../../train/checkpoint.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { readModelZip } from "../../train/model-zip.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { assertAccessible } from "../helpers/accessible.ts";
import { chromium } from "../helpers/in-page.ts";
import { refused } from "../helpers/refused.ts";
import { serveStudio } from "../helpers/studio.ts";

const test = suite("models that a server offers");
const browser = await chromium();
/** A test that needs a browser: skipped, and counted as such, where there is none. */
const testInPage = browser ? test : test.skip;

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const config = presetConfig("ct-only", {
  data: { size: 32, fieldMm: 330, teacher: "" },
  networks: { segmentor: { kind: "unet", width: 2 } },
});

/** A demo's run in demo/cmedl, one without a checkpoint, a model's zip, and a zip that is none. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-models-"));
  using device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
  await mkdir(at("demo/cmedl/checkpoints"), { recursive: true });
  await mkdir(at("begun/checkpoints"), { recursive: true });
  for (const run of ["demo/cmedl", "begun"]) await writeFile(at(run, "config.yaml"), writeConfig(config));
  const bytes = await saveCheckpoint(device, makeRegime(config), startOfRun(), config);
  await writeFile(at("demo/cmedl/checkpoints/step-00000001.safetensors"), bytes);
  await writeFile(at("model.zip"), (await zipOfRun(at("demo/cmedl"))).zip);
  await writeFile(at("scans.zip"), "PK\u0003\u0004 no zip");
});
test.after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test("runs with a checkpoint and model zips are found; only these are given", async () => {
  assert.equal(await modelsBelow(folder), ["demo/cmedl", "model.zip"]);
  for (const name of ["demo/cmedl", "model.zip"])
    assert.is(readModelZip(await modelBelow(folder, name)).config.regime, "ct-only");
  for (const name of ["begun", "scans.zip", "../x", "demo/cmedl/config.yaml"])
    await refused(modelBelow(folder, name), /is no model below/, CommandError);
});

async function inSegment(models: string | undefined, use: (page: Page) => Promise<void>): Promise<void> {
  const studio = await serveStudio(models);
  const page = await browser!.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  try {
    await page.goto(studio.url);
    await page.getByRole("tab", { name: "Segment" }).click();
    await page.getByText("Drop a model:").waitFor({ timeout: 120_000 });
    await use(page);
    assert.equal(wrong, []);
  } finally {
    await page.close();
    await studio.close();
  }
}

testInPage("a server's models stand in the Segment tab; one press opens one", () =>
  inSegment(folder, async (page) => {
    const offered = page.getByRole("list", { name: "Or open one that was trained here:" }).getByRole("button");
    await offered.first().waitFor({ timeout: 120_000 });
    assert.equal(await offered.allTextContents(), ["demo/cmedl", "model.zip"]);
    await assertAccessible(page, "offered models");
    const model = page.getByLabel("model", { exact: true });
    for (const [name, opened] of [
      ["demo/cmedl", /^demo-cmedl/],
      ["model.zip", /^model/],
    ] as const) {
      await offered.filter({ hasText: name }).click();
      await model.locator("option").filter({ hasText: opened }).waitFor({ state: "attached", timeout: 120_000 });
    }
  }),
);

testInPage("a build without models says nothing of them, and asks for none", () =>
  inSegment(undefined, async (page) => {
    assert.is(await page.getByText("trained here").count(), 0);
  }),
);

test.run();
