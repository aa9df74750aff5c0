// All kernels of a clone as a table: what they compute, and what they reached of each adapter's roofline.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { markdownTable } from "../bench/say/markdown.ts";
import type { ListedKernel } from "../node/kernels/list.ts";

/** What a kernel reached of an adapter's roofline, at which problem: by the kernel's first name, by adapter. */
export type Roofline = Readonly<
  Record<string, Readonly<Record<string, { readonly percent: number; readonly at: string }>>>
>;

/** What was measured in the clone at `root`: written by hand from what `cmedl bench` prints. */
export const readRoofline = async (root: string): Promise<Roofline> =>
  JSON.parse(await readFile(join(root, "bench/results/roofline.json"), "utf8")) as Roofline;

/**
 * The list as markdown; tunables as "KV 2, 1, 3, 4", the default first; a column for each adapter, "–" where nothing
 * was measured.
 */
export function kernelTable(kernels: readonly ListedKernel[], roofline: Roofline): string {
  const adapters = Object.keys(roofline);
  const head = ["kernel", "computes", "layouts", "needs", "tunables", ...adapters.map((a) => `% of ${a}`)];
  const rows = kernels.map(({ names, formula, layouts = "", needs = "", tunables }) => [
    names.join(", "),
    formula,
    layouts,
    needs,
    Object.entries(tunables)
      .map(([name, values]) => `${name} ${values.join(", ")}`)
      .join("; "),
    ...adapters.map((adapter) => {
      const share = roofline[adapter]![names[0]!];
      return share ? `${share.percent}: ${share.at}` : "–";
    }),
  ]);
  return markdownTable(head, rows).replaceAll("---:", "---");
}
