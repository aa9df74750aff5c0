// What axe-core finds wrong with a page: serious and critical violations fail.
import axe from "axe-core";
import type { Page } from "playwright-core";
import * as assert from "uvu/assert";

export async function assertAccessible(page: Page, where: string): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes.map((n) => n.html).join(" | ")}`);
  });
  assert.equal(
    found.filter((line) => /^(serious|critical)/.test(line)),
    [],
    where,
  );
}
