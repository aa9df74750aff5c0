// Folders of scans chosen in Chromium: CMEDL trains on them, is paused, and goes on after a reload without them.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chromium } from "../helpers/in-page.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { type ServedStudio, serveStudio } from "../helpers/studio.ts";
import { WAIT, fillForm, keptLosses, openTrainTab, trainAndPause } from "./train-tab.ts";

const test = suite("the studio trains on chosen folders");
const browser = await chromium();
/** A test that needs a browser: skipped, and counted as such, where there is none. */
const testInPage = browser ? test : test.skip;
let studio: ServedStudio | undefined;
let folder = "";
test.before(async () => {
  if (!browser) return;
  folder = await mkdtemp(join(tmpdir(), "cmedl-folders-"));
  await writePhantoms(join(folder, "ct"), "CT", { size: 32, slices: 4, count: 4 });
  await writePhantoms(join(folder, "mr"), "MR", { size: 32, slices: 4, count: 3 });
  studio = await serveStudio();
});
test.after(async () => {
  await browser?.close();
  await studio?.close();
  await rm(folder, { recursive: true, force: true });
});

/** All of CMEDL in networks of two channels. */
const SMALL = JSON.stringify({
  networks: {
    segmentor: { width: 2 },
    generator: { width: 2, blocks: 1 },
    discriminator: { width: 2, layers: 2 },
    features: { width: 2 },
  },
  optimization: { batch: 2 },
});

testInPage("CMEDL on two folders that is paused goes on after a reload to the losses of one that is not", async () => {
  const page = await browser!.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  await openTrainTab(page, studio!.url);
  await page.locator("form select").first().selectOption("folders");
  await fillForm(page, "whole", "cmedl", SMALL);
  const [student, teacher] = await page.locator("form input[type=file]").all();
  await student!.setInputFiles(join(folder, "ct"));
  await teacher!.setInputFiles(join(folder, "mr"));
  await page.waitForSelector("text=ct: 8 files");
  await page.waitForSelector("text=mr: 6 files");
  await page.click("role=button[name=Train]");
  await page.waitForSelector("text=trained to the end, after step 10", WAIT);
  const whole = await keptLosses(page, "whole");
  const steps = whole.filter((event) => Array.isArray(event) && event[0] === "step") as [string, number, object][];
  assert.is(steps.length, 10);
  for (const name of ["lossG", "lossDM", "lossS", "hintS", "cx", "diceCT"])
    assert.ok(name in steps[0]![2], `${name} of ${Object.keys(steps[0]![2]).join(", ")}`);

  await fillForm(page, "parts", "cmedl", SMALL);
  await trainAndPause(page);
  await openTrainTab(page, studio!.url);
  await page.click("role=button[name=/^parts paused after [1-9] of 10 steps/]");
  await page.click("role=button[name='Go on']");
  await page.waitForSelector("text=trained to the end, after step 10", WAIT);
  assert.equal(await keptLosses(page, "parts"), whole);
  assert.equal(wrong, []);
  await page.close();
});

test.run();
