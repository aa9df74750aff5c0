// How the studio starts, by the figures that Lighthouse's performance score is made of: first and largest paint, time
// in which the page could not answer, shifts of what is shown, and bytes that came over the wire.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chromium } from "../helpers/in-page.ts";
import { serveStudio } from "../helpers/studio.ts";

const test = suite("the studio's start");

const browser = await chromium();
const testInPage = browser ? test : test.skip;
test.after(() => browser?.close());

interface Figures {
  readonly firstPaintMs: number;
  readonly largestPaintMs: number;
  /** Of each task on the main thread what is beyond 50 ms. */
  readonly blockedMs: number;
  /** Cumulative layout shift. */
  readonly shift: number;
  readonly kilobytes: number;
  readonly requests: number;
}

testInPage("it is painted at once, nothing jumps, and the page answers", async () => {
  const studio = await serveStudio();
  const page = await browser!.newPage({ viewport: { width: 412, height: 823 } });
  try {
    await page.addInitScript(() => {
      const seen: PerformanceEntry[] = [];
      Object.assign(globalThis, { seen });
      for (const type of ["largest-contentful-paint", "layout-shift", "longtask"])
        new PerformanceObserver((list) => seen.push(...list.getEntries())).observe({ type, buffered: true });
    });
    await page.goto(studio.url);
    await page.getByText("Drop a scan here").waitFor();
    await page.waitForTimeout(500);
    const figures = await page.evaluate((): Figures => {
      const { seen } = globalThis as unknown as { seen: PerformanceEntry[] };
      const entries = (type: string): PerformanceEntry[] => seen.filter((e) => e.entryType === type);
      const fetched = performance.getEntries().filter((e) => "transferSize" in e) as PerformanceResourceTiming[];
      const sum = (values: readonly number[]): number => values.reduce((total, v) => total + v, 0);
      return {
        firstPaintMs: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
        largestPaintMs: entries("largest-contentful-paint").at(-1)?.startTime ?? NaN,
        blockedMs: sum(entries("longtask").map((e) => Math.max(0, e.duration - 50))),
        shift: sum(entries("layout-shift").map((e) => (e as PerformanceEntry & { value: number }).value)),
        kilobytes: sum(fetched.map((e) => e.transferSize)) / 1000,
        requests: fetched.length,
      };
    });
    const { firstPaintMs, largestPaintMs, blockedMs, shift, kilobytes, requests } = figures;
    console.log(
      `first paint ${firstPaintMs.toFixed(0)} ms, largest ${largestPaintMs.toFixed(0)} ms, blocked ` +
        `${blockedMs.toFixed(0)} ms, layout shift ${shift.toFixed(3)}, ${kilobytes.toFixed(0)} kB in ${requests} requests`,
    );
    // Seconds are told, not judged: machines differ. What a start needs is the same on each.
    assert.ok(firstPaintMs > 0 && largestPaintMs >= firstPaintMs, JSON.stringify(figures));
    assert.ok(shift < 0.1, `what is shown shifts by ${shift}`);
  } finally {
    await page.close();
    await studio.close();
  }
});

test.run();
