// `cmedl completion SHELL`: a script for the shell's startup, which asks `cmedl completion-server` at each Tab.
import { getCompletionScript } from "@pnpm/tabtab";
import { Argument, type Command } from "commander";
import { shells } from "./completion-server.ts";

export function register(command: Command): void {
  command
    .addArgument(new Argument("<shell>", "whose words are completed").choices(shells))
    .addHelpText(
      "after",
      `
Examples:
  cmedl completion bash >> ~/.bashrc
  cmedl completion zsh >> ~/.zshrc
  cmedl completion fish > ~/.config/fish/completions/cmedl.fish
  cmedl completion pwsh >> $PROFILE
It completes \`cmedl\`, as \`npm install --global @cmedl/cli\` makes it, not \`npx cmedl\`.`,
    )
    .action(async (shell: (typeof shells)[number]) => {
      process.stdout.write(`${await getCompletionScript({ name: "cmedl", completer: "cmedl", shell })}\n`);
    });
}
