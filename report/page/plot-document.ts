// What charts of reports are drawn with where there is no page: Observable Plot, and a document of linkedom's.
import { importFailure } from "../../errors/package-missing.ts";
import type { PlotDocument } from "./charts.ts";

/**
 * Loads its libraries at the first call only: that takes longer than most commands do. Throws PackageMissingError where
 * they are not installed.
 */
export async function plotDocument(): Promise<PlotDocument> {
  try {
    const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
    const { document } = parseHTML("<!doctype html><html><body></body></html>");
    return { Plot, elements: document as unknown as PlotDocument["elements"] };
  } catch (error) {
    throw importFailure(error, "a report's page", ["@observablehq/plot", "linkedom"]);
  }
}
