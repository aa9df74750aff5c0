// cmedl report: the page of a run, from what its folder holds; while it trains, too.
import type { Command } from "commander";
import { RunFolder } from "../node/run/folder.ts";
import { writeReport } from "../node/run/report.ts";

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run, finished or not")
    .option("-o, --output <html>", "file to write (default: report.html in the run's folder)")
    .addHelpText(
      "after",
      `
One file without scripts that fetches nothing: signs of a collapse, Dice and losses by epoch,
pictures, tests (see \`cmedl evaluate\`), times, configuration, environment. An earlier report is replaced.
Not for diagnostic use.

Example:
  cmedl report runs/first`,
    )
    .action(async (path: string, { output }: { output?: string }) => {
      process.stdout.write(`${await writeReport(await RunFolder.open(path), output)}\n`);
    });
}
