// cmedl bench: times kernels, networks and steps, and tells whether one of two kernels is faster.
import type { Command } from "commander";
import { bench } from "../bench/bench.ts";
import { type Options, addOptions } from "../bench/options.ts";
import { Narrator } from "../node/narrator.ts";

export function register(command: Command): void {
  addOptions(command).action(async (words: string[], options: Options) => {
    const narrator = new Narrator();
    const voice = {
      say: (line: string): void => void process.stdout.write(`${line}\n`),
      narrate: (line: string): void => narrator.say(line),
    };
    const exitCode = await bench(words, options, voice);
    // Worse results are no error to tell, but the exit code tells them.
    if (exitCode !== 0) await new Promise(() => process.stdout.write("", () => process.exit(exitCode)));
  });
}
