// The Train tab in Chromium: a run is trained, paused, found again after a reload, and used.
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ServedStudio, serveStudio } from "../helpers/studio.ts";
import { assertAccessible } from "../helpers/accessible.ts";
import { chromium } from "../helpers/in-page.ts";
import { WAIT, fillForm, keptLosses, openTrainTab, trainAndPause } from "./train-tab.ts";

const test = suite("the studio's Train tab");

const browser = await chromium();
/** A test that needs a browser: skipped, and counted as such, where there is none. */
const testInPage = browser ? test : test.skip;

let studio: ServedStudio | undefined;
test.before(async () => {
  if (browser) studio = await serveStudio();
});
test.after(async () => {
  await browser?.close();
  await studio?.close();
});

const openTab = (page: Page): Promise<void> => openTrainTab(page, studio!.url);

testInPage("a run that is paused goes on after a reload to the losses of one that is not, and segments", async () => {
  const page = await browser!.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("dialog", (dialog) => void dialog.accept());
  await openTab(page);
  await fillForm(page, "whole", "ct-only");
  await page.evaluate(() => {
    const seen = globalThis as { longest?: number };
    seen.longest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest!, duration);
    }).observe({ type: "longtask" });
  });
  await page.click("role=button[name=Train]");
  await page.waitForSelector("text=trained to the end, after step 10", WAIT);
  const longest = await page.evaluate(() => (globalThis as { longest?: number }).longest!);
  console.log(
    `longest task of the page's thread while training: ${longest > 0 ? `${longest.toFixed(0)} ms` : "below 50 ms"}`,
  );
  const whole = await keptLosses(page, "whole");
  assert.is(whole.filter((event) => Array.isArray(event) && event[0] === "step").length, 10);

  await fillForm(page, "parts", "ct-only");
  await trainAndPause(page);

  await openTab(page);
  await page.click("role=button[name=/^parts paused after [1-9] of 10 steps/]");
  await page.click("role=button[name='Go on']");
  await page.waitForSelector("text=trained to the end, after step 10", WAIT);
  assert.equal(await keptLosses(page, "parts"), whole);
  await page.waitForSelector(".chart svg", WAIT);
  await page.waitForSelector("img.epoch");

  const download = page.waitForEvent("download");
  await page.click("text=Download the model");
  assert.is((await download).suggestedFilename(), "parts.zip");
  await assertAccessible(page, "a trained run");

  await page.click("text=Use in Segment");
  await page.waitForSelector("role=button[name='Segment the volume']", WAIT);
  await page.click("role=tab[name=See]");
  await page.click("text=A phantom");
  await page.waitForSelector("canvas", WAIT);
  await page.click("role=tab[name=Segment]");
  await page.click("text=Segment the volume");
  await page.waitForSelector("text=/\\d+ voxels in /", WAIT);

  await page.click("role=tab[name=Train]");
  await page.click("role=button[name='delete whole']");
  await page.waitForSelector("role=button[name='delete whole']", { state: "detached", ...WAIT });
  assert.equal(wrong, []);
  await page.close();
});

test.run();
