// A DICOM series with its contours in Chromium: opened, shown, and written as NIfTI, RTSTRUCT and SEG, which are read
// back.
import { readFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileOfBytes, openStructures, parseNifti, readFolder } from "../../data/index.ts";
import { dice } from "../../metrics/dice.ts";
import { sharedPath, testWith } from "../data/shared-data.ts";
import { chromium } from "../helpers/in-page.ts";
import { type ServedStudio, serveStudio } from "../helpers/studio.ts";

const test = suite("DICOM in the studio");

const SERIES = "data/lung-ct/nsclc-ibsi1/dicom";
const browser = await chromium();
let studio: ServedStudio | undefined;
test.before(async () => {
  if (browser) studio = await serveStudio();
});
test.after(async () => {
  await browser?.close();
  await studio?.close();
});

const bytesOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await readFile(path));

async function roundTrip(): Promise<void> {
  const paths = readdirSync(sharedPath(SERIES), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const page = await browser!.newPage();
  page.setDefaultTimeout(120_000);
  await page.goto(studio!.url);
  await page.setInputFiles("input[type=file] >> nth=0", paths);
  await page.waitForSelector("text=mask: GTV-1");
  await page.click("role=tab[name=Correct]");
  await page.click('role=button[name="expert\'s"]');
  await page.click("role=tab[name=Segment]");
  await page.click("role=button[name=Compare]");
  assert.match((await page.textContent("table")) ?? "", /HD95all1\.0001\.0000\.0 mm/);
  const saved = async (format: string): Promise<Uint8Array<ArrayBuffer>> => {
    const download = page.waitForEvent("download");
    await page.click(`role=button[name="${format}"]`);
    return bytesOf(await (await download).path());
  };
  const mask = parseNifti(await saved("NIfTI"), "the page's mask");
  const files = paths.map((path) => fileOfBytes(new Uint8Array(readFileSync(path)), path));
  const series = await readFolder(
    files.filter(({ name }) => !name.includes("_RS_")),
    SERIES,
  );
  assert.equal(mask.shape, series.shape);
  for (const format of ["RTSTRUCT", "SEG"]) {
    const structures = await openStructures(fileOfBytes(await saved(format), format));
    assert.equal(structures!.names, ["GTV-1"]);
    const { data } = await structures!.draw(structures!.names, series);
    assert.ok(dice(data, mask.data) >= 0.999, `${format}: Dice ${dice(data, mask.data)}`);
    assert.ok(data.some((label) => label > 0));
  }
  await page.close();
}

const name = "a series and its contours go in, and the mask comes out as NIfTI, RTSTRUCT and SEG";
if (browser) testWith(test, [SERIES], name, roundTrip);
else test.skip(`${name} (Chromium is absent)`, roundTrip);

test.run();
