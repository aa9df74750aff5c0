// cmedl presets: the words that --preset takes, and the whole configuration behind each.
import type { Command } from "commander";
import { ConfigError } from "../train/config/check.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { PRESETS, presetConfig } from "../train/config/presets.ts";
import { writeConfig } from "../node/config-file.ts";
import { CommandError } from "../node/errors.ts";

export function register(command: Command): void {
  command
    .argument("[name]", "print this preset's whole configuration as YAML")
    .option("--json", "print JSON: all presets, or the named one's configuration")
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
    .action((name: string | undefined, { json }: { json?: boolean }) => {
      const config = name === undefined ? undefined : namedConfig(name);
      const found = config ?? Object.entries(PRESETS).map(([word, { says }]) => ({ name: word, says }));
      const text = config ? writeConfig(config) : presetList();
      process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : text);
    });
}

/** One line a preset. */
export function presetList(): string {
  const wide = Math.max(...Object.keys(PRESETS).map((n) => n.length));
  return Object.entries(PRESETS)
    .map(([name, { says }]) => `${name.padEnd(wide)}  ${says}\n`)
    .join("");
}

function namedConfig(name: string): TrainConfig {
  try {
    return presetConfig(name);
  } catch (error) {
    throw error instanceof ConfigError ? new CommandError("usage", `${name} is no preset; ${error.mend}`) : error;
  }
}
