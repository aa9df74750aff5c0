// The studio at work in Chromium: opens, shows, segments, corrects, exports and learns, and is accessible.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseNifti, phantomCase, writeNifti } from "../../data/index.ts";
import { softTissueWindow } from "../../data/intensity.ts";
import { toLps } from "../../data/orientation.ts";
import { RandomStreams } from "../../engine/index.ts";
import { loadModel, networkModel, saveModel } from "../../inference/index.ts";
import { UNet } from "../../models/index.ts";
import { eachUnderBrush } from "../../web/edit/regions.ts";
import { assertAccessible } from "../helpers/accessible.ts";
import { chromium } from "../helpers/in-page.ts";
import { PLANES, layoutOf, sizeOfPlane } from "../../web/view/planes.ts";

const test = suite("the studio's page");

const SIZE = 32;
const SLICES = 6;
/** On a machine that does much else. */
const PATIENCE_MS = 120_000;
const browser = await chromium();
/** A test that needs a browser: skipped, and counted as such, where there is none. */
const testInPage = browser ? test : test.skip;
test.after(() => browser?.close());

const scan = phantomCase({ modality: "CT", seed: 0, index: 0, size: SIZE, slices: SLICES }).image;

function modelFile(): Promise<Uint8Array<ArrayBuffer>> {
  const module = new UNet({ width: 2, depth: 2 });
  module.initialize(new RandomStreams(3));
  const labels = [{ value: 1, name: "tumour" }];
  const images = { size: SIZE, fieldMm: 330, intensity: softTissueWindow, labels };
  return saveModel(networkModel({ network: "unet", module, statistics: "image", ...images }));
}

/** The studio as `npm run web` builds and serves it. */
function served(out: string): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(process.execPath, ["tools/web.mjs", "--out", out, "--serve", "0"]);
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      const url = /(http:\S+)/.exec(said)?.[1];
      if (url) resolve({ server, url });
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.on("exit", () => reject(new Error(`the studio was not built: ${said}`)));
  });
}

/** The studio in a page. Where `use` fails, what the page showed then is told; its errors are a failure too. */
async function inStudio(use: (page: Page) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-studio-"));
  const { server, url } = await served(join(folder, "studio"));
  const page = await browser!.newPage({ viewport: { width: 1280, height: 860 } });
  page.setDefaultTimeout(PATIENCE_MS);
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (m) => m.type() === "error" && wrong.push(m.text()));
  await page.addInitScript(() => {
    const tasks: number[] = [];
    Object.assign(globalThis, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration))).observe({
      type: "longtask",
      buffered: true,
    });
  });
  try {
    const began = performance.now();
    await page.goto(url);
    await page.getByText("Drop a scan here").waitFor();
    console.log(`started in ${(performance.now() - began).toFixed(0)} ms`);
    await use(page);
    const tasks = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);
    console.log(`longest task of the main thread: ${Math.max(0, ...tasks).toFixed(0)} ms, ${tasks.length} above 50 ms`);
    assert.equal(wrong, []);
  } catch (error) {
    const [status, panel] = await Promise.all(
      [".status", ".panel"].map((part) =>
        page
          .locator(part)
          .textContent({ timeout: 5000 })
          .catch(() => "nothing"),
      ),
    );
    throw new Error(
      `${(error as Error).message}\n\nThe page said: ${status}\nIts panel: ${panel}\nErrors: ${wrong.join("; ") || "none"}`,
      { cause: error },
    );
  } finally {
    await page.close();
    server.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

const openTab = (page: Page, name: string): Promise<void> => page.getByRole("tab", { name }).click();
const plane = (page: Page, name: string): Locator => page.locator(`.plane.${name} canvas`);
const button = (page: Page, name: string | RegExp): Locator => page.locator("#panel").getByRole("button", { name });

/** A number for what a canvas shows; waits until it is no longer `before`, if that is given. */
async function picture(canvas: Locator, before?: number): Promise<{ sum: number; lit: number }> {
  for (const until = performance.now() + PATIENCE_MS; ; ) {
    const shown = await canvas.evaluate((element) => {
      const { width, height } = element as HTMLCanvasElement;
      const { data } = (element as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
      let [sum, lit] = [0, 0];
      for (let i = 0; i < data.length; i += 4) {
        const bright = data[i]! + data[i + 1]! + data[i + 2]!;
        if (bright > 60) lit++;
        sum = (Math.imul(sum, 31) + data[i]! + 3 * data[i + 1]! + 7 * data[i + 2]!) | 0;
      }
      return { sum, lit: lit / (width * height) };
    });
    if (before === undefined || shown.sum !== before) return shown;
    if (performance.now() > until) throw new Error("the plane did not change");
    await canvas.page().waitForTimeout(50);
  }
}

/** The file that a button gives. */
async function downloaded(page: Page, press: Locator): Promise<Uint8Array> {
  const coming = page.waitForEvent("download");
  await press.click();
  return new Uint8Array(await readFile((await (await coming).path()) as string));
}

testInPage("a scan is shown, segmented, corrected and exported, and a model learns from it", async () => {
  const model = await modelFile();
  await inStudio(async (page) => {
    await assertAccessible(page, "empty");
    await page.getByRole("button", { name: "A phantom" }).click();
    for (const name of PLANES) {
      await plane(page, name).waitFor();
      const { lit } = await picture(plane(page, name));
      assert.ok(lit > 0.05, `${name}: ${lit} of the phantom's pixels are lit`);
    }
    await assertAccessible(page, "See");

    const nifti = writeNifti(Int16Array.from(scan.data), scan);
    await page
      .locator("input[type=file]")
      .first()
      .setInputFiles([
        { name: "scan.nii.gz", mimeType: "", buffer: Buffer.from(nifti) },
        { name: "small.safetensors", mimeType: "", buffer: Buffer.from(model) },
      ]);
    await page.getByText("small.safetensors").first().waitFor();
    await page.getByText(`axial, slice 4 of ${SLICES}`).waitFor();
    for (const name of PLANES) {
      const { lit } = await picture(plane(page, name));
      assert.ok(lit > 0.05, `${name}: ${lit} of the scan's pixels are lit`);
    }

    await openTab(page, "Segment");
    await button(page, "Segment the volume").click();
    await page.locator(".status", { hasText: / voxels in / }).waitFor();
    await assertAccessible(page, "Segment");

    await openTab(page, "Correct");
    await button(page, "empty").click();
    await assertAccessible(page, "Correct");
    const axial = plane(page, "axial");
    const empty = await picture(axial);
    const want = await pressBrush(page, axial);
    assert.ok(want.some((v) => v === 1));
    const drawn = await picture(axial, empty.sum);
    await page.keyboard.press("Control+z");
    assert.is((await picture(axial, drawn.sum)).sum, empty.sum);
    await button(page, "Redo").click();
    assert.is((await picture(axial, empty.sum)).sum, drawn.sum);

    await openTab(page, "Segment");
    const written = parseNifti(await downloaded(page, button(page, "NIfTI")), "mask.nii.gz");
    assert.equal(written.shape, scan.shape);
    const { data } = toLps(written);
    assert.equal(
      [...want.keys()].filter((v) => Number(data[v]! > 0) !== want[v]),
      [],
    );

    await openTab(page, "Correct");
    const isRight = page.getByRole("checkbox", { name: /is right as it is|was changed/ });
    for (let i = 0; i < 3; i++) {
      await axial.press("ArrowUp");
      if (!(await isRight.isChecked())) await isRight.check();
      if (i === 1) for (let back = 0; back < 4; back++) await axial.press("ArrowDown");
    }
    await page.getByRole("spinbutton", { name: "steps" }).fill("2");
    await button(page, /Learn from \d slices/).click();
    await page.getByText(/^corrected small\.safetensors: from \d slices/).waitFor();
    const said = (await page.locator("#panel").textContent()) ?? "";
    assert.match(said, /Dice on the 1 left out .*\d\.\d{3} → \d\.\d{3}/s);
    assert.match(said, /up\.0, up\.1, head/);
    const learned = loadModel(await downloaded(page, button(page, "Save the model")));
    const [now, then] = [learned, loadModel(model)].map(({ module }) => module.variables());
    const differs = (path: string): boolean =>
      now!.get(path)!.initialData().toString() !== then!.get(path)!.initialData().toString();
    assert.ok(differs("head.weight") && differs("up.1.conv2.weight") && !differs("inc.conv1.weight"));
    await assertAccessible(page, "Correct, after learning");
  });
});

/** Presses the brush on the axial plane; gives the voxels that it must reach. */
async function pressBrush(page: Page, axial: Locator): Promise<Uint8Array> {
  const box = (await axial.boundingBox())!;
  const [x, y] = [Math.round(box.x + 0.52 * box.width), Math.round(box.y + 0.47 * box.height)];
  const size = sizeOfPlane("axial", scan.shape, scan.spacingMm);
  const point = [((x - box.x) / box.width) * size.width, ((y - box.y) / box.height) * size.height] as const;
  await page.getByRole("slider", { name: /size/ }).fill("60");
  const mask = new Uint8Array(SIZE * SIZE * SLICES);
  const brush = { radiusMm: 30, pixelMm: size.pixelMm, sliceMm: size.sliceMm, isBall: false };
  eachUnderBrush(brush, layoutOf("axial", scan.shape), SLICES >> 1, point, point, (v) => {
    mask[v] = 1;
  });
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.up();
  return mask;
}

test.run();
