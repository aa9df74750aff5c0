// The studio's Train tab as its tests use it: the form, and what the browser keeps of runs.
import type { Page } from "playwright-core";
import type { RunEvent } from "../../train/run/events.ts";

/** For what takes long on a machine that does much else. */
export const WAIT = { timeout: 600_000 };

export async function openTrainTab(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.click("role=tab[name=Train]");
  await page.waitForSelector("text=New run", WAIT);
}

/** Fills the form: two epochs of five steps of networks of two channels, on slices of 32 × 32; `more` is JSON. */
export async function fillForm(
  page: Page,
  name: string,
  method: string,
  more = "{networks: {segmentor: {width: 2}}, optimization: {batch: 2}}",
): Promise<void> {
  await page.fill("text=name >> input", name);
  await page.selectOption("text=method >> select", method);
  await page.selectOption("text=size >> select", "32");
  await page.fill("text=epochs >> input", "2");
  await page.fill("text=steps an epoch >> input", "5");
  const fields = page.locator(".train textarea");
  if (!(await fields.isVisible())) await page.click("text=More fields");
  await fields.fill(more);
}

/** Presses Train, and Pause once a step is done; both must be on the page at once. */
export async function trainAndPause(page: Page): Promise<void> {
  await page.evaluate(() => {
    const timer = setInterval(() => {
      if (!/: step [1-9]/.test(document.querySelector(".train .numbers")?.textContent ?? "")) return;
      clearInterval(timer);
      [...document.querySelectorAll("button")].find((b) => b.textContent === "Pause")!.click();
    }, 2);
  });
  await page.click("role=button[name=Train]");
  await page.waitForSelector("text=/paused; all is saved after step [1-9]$/", WAIT);
}

/** Losses of each step and epoch that the browser keeps of the run of that name. */
export async function keptLosses(page: Page, name: string): Promise<unknown[]> {
  const text = await page.evaluate(async (wanted) => {
    const root = await navigator.storage.getDirectory();
    const runs = (await root.getDirectoryHandle("runs")) as FileSystemDirectoryHandle & {
      keys(): AsyncIterable<string>;
    };
    for await (const id of runs.keys()) {
      const run = await runs.getDirectoryHandle(id);
      const read = async (file: string): Promise<string> => (await (await run.getFileHandle(file)).getFile()).text();
      if ((JSON.parse(await read("run.json")) as { name: string }).name === wanted) return read("log.jsonl");
    }
    throw new Error(`no run ${wanted} is kept`);
  }, name);
  const events = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as RunEvent);
  return events.map((e) => (e.event === "sign" ? e.message : [e.event, e.steps, e.losses]));
}
