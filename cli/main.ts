// The `cmedl` command. A command is one file that exports `register(command: Command): void`: it gets a commander
// Command that has its name and summary, and adds arguments, options, examples and the action. A row of commands.ts
// makes it known; its file is loaded only when it runs. Results go to stdout, narration to stderr; an action throws,
// and cli/exit.ts makes the exit code.

import { Command, CommanderError } from "commander";
import { endBars } from "../node/narrator.ts";
import { endWithItsParent } from "../node/run/side-process.ts";
import { version } from "../package.json";
import { commands } from "./commands.ts";
import { exitOf } from "./exit.ts";

const examples = `
Examples:
  cmedl doctor                                           what will it run on?
  cmedl demo                                             see it work, on phantoms
  cmedl check --student CT --teacher MR                  are the data what they should be?
  cmedl train --student CT --teacher MR --out RUN        folders of images and masks
  cmedl predict RUN IMAGE.nii.gz -o MASK.nii.gz

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 bad data or config, 4 no usable GPU,
5 out of GPU memory, 6 numbers not finite, 7 file could not be read or written, 130 interrupted.
Environment: CMEDL_DEVICE names the adapter, CMEDL_DEBUG=1 shows where an error came from.`;

/** Parses and runs one command line; the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("cmedl")
    .description("Train and run segmentation that learns from unpaired CT and MR, on WebGPU.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showSuggestionAfterError()
    .enablePositionalOptions() // flags after a command's name are that command's
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // exitOf has it
    .addHelpText("after", examples);
  let running = program;
  for (const { name, summary, hidden = false, load } of commands) {
    const command = program
      .command(name, { hidden })
      .summary(summary)
      .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
    // Only the command that is named, or asked help about, is loaded: --help stays fast.
    if (args[0] === name || (args[0] === "help" && args[1] === name)) {
      (await load()).register(command);
      running = command;
    }
  }
  try {
    await program.parseAsync(args, { from: "user" });
    endBars();
    return 0;
  } catch (error) {
    endBars();
    const { exitCode, sentence } = exitOf(error);
    const command = running === program ? "cmedl" : `cmedl ${running.name()}`;
    const seeAlso = error instanceof CommanderError ? ` (see \`${command} --help\`)` : "";
    if (sentence !== "") process.stderr.write(`cmedl: ${sentence}${seeAlso}\n`);
    if (process.env.CMEDL_DEBUG === "1" && error instanceof Error && sentence !== "")
      process.stderr.write(`${error.stack}\n`);
    return exitCode;
  }
}

// `cmedl … | head` closes the pipe: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
endWithItsParent();
const exitCode = await main(process.argv.slice(2));
// Dawn keeps the event loop alive; what is written must be out before.
process.stdout.write("", () => process.exit(exitCode));
