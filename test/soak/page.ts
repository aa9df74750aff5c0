// Training in a page for as long as it is given: heap, the GPU's memory and what Chromium's processes hold stay as they
// are.
import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { build } from "esbuild";
import { launchChromium } from "../../tools/chromium.mjs";
import { serve } from "../../tools/serve.mjs";
import { JUDGED, WARM, courseOf, growthOf, isFlat } from "./flat.ts";
import type { Held } from "./page-training.ts";
import { type Budget, type Soak, Tally } from "./soak.ts";

const STEPS_AN_EPOCH = 50;
const HOUR_MS = 3_600_000;
const MEASURES = ["--js-flags=--expose-gc", "--enable-precise-memory-info"];
/** Of Chromium's processes: the page's, and the one that drives the GPU. */
const PROCESSES = ["renderer", "GPU"] as const;

export const page: Soak = {
  name: "page",
  tries: "epochs of training in a page in Chromium, with validation and a checkpoint each",
  seconds: 60,
  run: async (budget) => {
    const tally = new Tally();
    const browser = await launchChromium(MEASURES).catch((error: Error) => tally.note(`skipped: ${error.message}`));
    if (!browser) return tally;
    try {
      await trainIn(browser, budget, tally);
    } finally {
      await browser.close();
    }
    return tally;
  },
};

async function trainIn(browser: Browser, budget: Budget, tally: Tally): Promise<void> {
  const steps = budget.isShort ? 3 : STEPS_AN_EPOCH;
  const server = await serve(await filesOf(steps));
  const heap: number[] = [];
  const gpu = new Set<string>();
  const resident: Record<string, number[]> = Object.fromEntries(PROCESSES.map((kind) => [kind, []]));
  const started = performance.now();
  try {
    const tab = await browser.newPage();
    const wrong = new Promise<never>((_, fail) => {
      tab.on("crash", () => fail(new Error("the page crashed")));
      tab.on("pageerror", fail);
      browser.on("disconnected", () => fail(new Error("the browser ended")));
    });
    wrong.catch(() => {}); // what comes when all is over is no failure
    const enough = new Promise<void>((done) => {
      void tab.exposeFunction("tellHeld", async (held: Held) => {
        heap.push(held.heap);
        gpu.add(held.gpu);
        for (const [kind, bytes] of Object.entries(await residentBytes(browser))) resident[kind]?.push(bytes);
        const goesOn = budget.isShort ? heap.length < 2 : budget.leftMs > 0;
        if (!goesOn) done();
        return goesOn;
      });
    });
    await tab.goto(server.url);
    await Promise.race([enough, wrong]);
  } finally {
    server.close();
  }
  const epochs = heap.length;
  tally.tried = epochs * steps;
  const judge = (what: string, holds: boolean, problem: string): void => {
    if (!holds) tally.failed.push(`${what}: ${problem}`);
  };
  judge("memory of the GPU", gpu.size === 1, `was ${[...gpu].join("; ")}`);
  if (budget.isShort) return;
  const minutes = (performance.now() - started) / 60_000;
  tally.goal("an hour in a page", `${minutes.toFixed(0)} minutes`, performance.now() - started > 0.98 * HOUR_MS);
  if (epochs <= 4 * WARM) return tally.note(`${epochs} epochs are too few to tell a slope`);
  for (const [what, bytes] of Object.entries({ heap, ...resident })) {
    if (bytes.length < epochs) continue; // not told on this system
    const kib = growthOf(bytes);
    tally.note(`${what} ${courseOf(bytes)} MiB in ${epochs} epochs, ${kib} KiB an epoch in the second half`);
    if (epochs >= JUDGED) judge(what, isFlat(kib), `grows by ${kib} KiB an epoch`);
  }
}

/** The page and its script. */
async function filesOf(steps: number): Promise<(path: string) => string | undefined> {
  const contents = `import { trainInPage } from "./test/soak/page-training.ts"; await trainInPage(${steps});`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    loader: { ".wgsl": "text" },
  });
  const script = outputFiles[0]!.text;
  const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.mjs"></script>';
  return (path) => ({ "/index.html": html, "/page.mjs": script })[path];
}

/** What Chromium's processes hold in memory, by their kind; nothing where the system does not tell (not Linux). */
async function residentBytes(browser: Browser): Promise<Record<string, number>> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = (await session.send("SystemInfo.getProcessInfo")) as {
    processInfo: readonly { readonly type: string; readonly id: number }[];
  };
  await session.detach();
  const held: Record<string, number> = {};
  for (const { type, id } of processInfo) {
    const status = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kib !== undefined) held[type] = (held[type] ?? 0) + 1024 * Number(kib);
  }
  return held;
}
