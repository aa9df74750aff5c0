// cmedl presets: the words that --regime takes, and the whole configuration behind each.
import type { Command } from "commander";
import { ConfigError } from "../train/config/check.ts";
import { PRESETS, presetConfig } from "../train/config/presets.ts";
import { writeConfig } from "../node/config-file.ts";
import { CommandError } from "../node/errors.ts";

export function register(command: Command): void {
  command
    .argument("[name]", "print this preset's whole configuration as YAML")
    .addHelpText(
      "after",
      `
A preset is what a row of the paper's tables has of its own; all else is the paper's main
configuration. With a name the whole configuration is printed: change what you like and give it to
\`cmedl train\` as a file.

Examples:
  cmedl presets
  cmedl presets weak-teacher > weak.yaml
  cmedl train weak.yaml --student MR --teacher CT --out runs/weak`,
    )
    .action((name?: string) => void process.stdout.write(name === undefined ? presetList() : presetYaml(name)));
}

/** One line a preset. */
export function presetList(): string {
  const wide = Math.max(...Object.keys(PRESETS).map((n) => n.length));
  return Object.entries(PRESETS)
    .map(([name, { says }]) => `${name.padEnd(wide)}  ${says}\n`)
    .join("");
}

function presetYaml(name: string): string {
  try {
    return writeConfig(presetConfig(name));
  } catch (error) {
    throw error instanceof ConfigError ? new CommandError("usage", `${name} is no preset; ${error.mend}`) : error;
  }
}
