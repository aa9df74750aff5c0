// A page in Chromium under a Content-Security-Policy, served from memory or from a folder; what goes wrong in it fails.
import * as assert from "uvu/assert";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "../../tools/chromium.mjs";
import { type Served, serve } from "../../tools/serve.mjs";

/** Chromium, or nothing where there is none, which is printed: tests that need it are skipped, and counted as such. */
export const chromium = (): Promise<Browser | undefined> =>
  launchChromium().catch((error: Error) => {
    console.log(`no pages: ${error.message}`);
    return undefined;
  });

/**
 * Opens "/index.html" of what is served under a policy. `use` has the page until it resolves; `text` waits for words in
 * its #said. No error may be logged or left uncaught.
 */
export async function inPage(
  browser: Browser | undefined,
  served: Served,
  policy: string,
  use: (page: Page, text: (holds: RegExp) => Promise<string>) => Promise<void>,
): Promise<void> {
  if (!browser) throw new Error("there is no browser");
  const server = await serve(served, { headers: { "content-security-policy": policy } });
  const page = await browser.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (m) => m.type() === "error" && !/favicon/.test(m.location().url) && wrong.push(m.text()));
  try {
    await page.goto(server.url);
    const said = page.locator("#said");
    await use(page, async (holds) => {
      await said
        .filter({ hasText: holds })
        .waitFor({ timeout: 120_000 })
        .catch(async (error: Error) => {
          throw new Error([error.message, `the page says: ${await said.textContent()}`, ...wrong].join("\n"));
        });
      return (await said.textContent()) ?? "";
    });
    assert.equal(wrong, []);
  } finally {
    await page.close();
    server.close();
  }
}
