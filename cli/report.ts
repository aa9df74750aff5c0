// cmedl report: the page of a run, from what its folder holds and its networks show; while it trains, too.
import type { Command } from "commander";
import { CommandError } from "../node/errors.ts";
import { Narrator } from "../node/narrator.ts";
import type { ClusterOptions } from "../node/run/feature-clusters.ts";
import { RunFolder } from "../node/run/folder.ts";
import { refreshFeatures } from "../node/run/refresh-features.ts";
import { writeReport } from "../node/run/report.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";

interface ReportFlags {
  output?: string;
  tsne?: boolean;
  tsnePoints?: string;
  tsneIterations?: string;
  tsnePerplexity?: string;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run, finished or not")
    .option("-o, --output <html>", "file to write (default: report.html in the run's folder)")
    .option("--tsne", "map pixels of the validation cases by their features, which takes minutes")
    .option("--tsne-points <n>", "with --tsne: most pixels in a map, at most 35000 a case (5000)")
    .option("--tsne-iterations <n>", "with --tsne: steps of the descent (1000)")
    .option("--tsne-perplexity <n>", "with --tsne: neighbours that count; 3 times as many pixels are needed (60)");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
One file without scripts that fetches nothing: signs of a collapse, Dice and losses by epoch,
pictures, feature maps, tests (see \`cmedl evaluate\`), times, configuration, environment. An earlier
report is replaced. Feature maps are drawn again once other weights are kept, where the run's data are
still there; features/ in the run's folder keeps them, and the t-SNE maps. Not for diagnostic use.

Examples:
  cmedl report runs/first
  cmedl report runs/first --tsne --tsne-points 35000`,
    )
    .action(async (path: string, flags: ReportFlags) => {
      const clusters = clustersOf(flags);
      const narrator = new Narrator({ quiet: flags.quiet });
      const run = await RunFolder.open(path);
      await refreshFeatures(run, { open: networkOpener(narrator, flags.device), narrator, clusters });
      narrator.end();
      process.stdout.write(`${await writeReport(run, flags.output)}\n`);
    });
}

/** What t-SNE maps are made by; undefined where none are asked for. Throws CommandError where a number is none. */
function clustersOf({ tsne, tsnePoints, tsneIterations, tsnePerplexity }: ReportFlags): ClusterOptions | undefined {
  const number = (flag: string, text: string | undefined, usual: number, least: number, whole = true): number => {
    if (text === undefined) return usual;
    if (!tsne) throw new CommandError("usage", `${flag} goes with --tsne alone`);
    const value = Number(text);
    if (!(value >= least) || !Number.isFinite(value) || (whole && !Number.isInteger(value)))
      throw new CommandError("usage", `${flag} ${text} is no ${whole ? "whole " : ""}number from ${least} on`);
    return value;
  };
  const clusters = {
    points: number("--tsne-points", tsnePoints, 5000, 4),
    iterations: number("--tsne-iterations", tsneIterations, 1000, 1),
    perplexity: number("--tsne-perplexity", tsnePerplexity, 60, 1, false),
  };
  return tsne ? clusters : undefined;
}
