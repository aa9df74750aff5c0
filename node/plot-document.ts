// A document without a page, which charts of reports are drawn in.
import type { PlotDocument } from "../report/page/charts.ts";

/** Loads its library at the first call only: that takes longer than most commands do. */
export async function plotDocument(): Promise<PlotDocument> {
  const { parseHTML } = await import("linkedom");
  return parseHTML("<!doctype html><html><body></body></html>").document as unknown as PlotDocument;
}
