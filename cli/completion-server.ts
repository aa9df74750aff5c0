// What a shell's completion asks: the words of a line and which of them the cursor is in, as completion scripts tell
// them (COMP_CWORD, and SHELL, whose form the answer has).
import { SUPPORTED_SHELLS, getShellFromEnv, log, logFiles } from "@pnpm/tabtab";
import { Command, type Option } from "commander";
import { commands } from "./commands.ts";
import { wordsOf } from "./completion-words.ts";

export const shells = SUPPORTED_SHELLS;

export interface Suggestion {
  readonly name: string;
  readonly description?: string;
}

export function register(command: Command): void {
  command.argument("[word...]", "the line's words").action(async (words: string[]) => {
    const cursor = Number(process.env.COMP_CWORD ?? words.length - 1);
    const found = await suggestionsAt(words.slice(1, cursor), words[cursor] ?? "");
    const shell = getShellFromEnv(process.env);
    if (found) log([...found], shell);
    // Where bash hears nothing, it completes files itself.
    else if (shell !== "bash") logFiles();
  });
}

/** What may stand behind the words `before`, where `word` is begun; undefined where files may. */
export async function suggestionsAt(
  before: readonly string[],
  word: string,
): Promise<readonly Suggestion[] | undefined> {
  const [name] = before;
  if (name === undefined || (name === "help" && before.length === 1))
    return commands.filter((c) => !c.hidden).map((c) => ({ name: c.name, description: c.summary }));
  const entry = commands.find((c) => c.name === name);
  if (!entry) return undefined;
  const command = new Command(name);
  (await entry.load()).register(command);
  const options = command.createHelp().visibleOptions(command);
  const flagsOf = ({ short, long }: Option): string[] => [short, long].filter((f): f is string => f !== undefined);
  const asks = options.find((o) => (o.required || o.optional) && flagsOf(o).includes(before.at(-1)!));
  if (asks) return wordsOf(asks)?.map((name) => ({ name }));
  if (word.startsWith("-"))
    return options.map((o) => ({ name: o.long ?? o.short!, description: o.description.split("\n")[0]! }));
  return command.registeredArguments[0]?.argChoices?.map((choice) => ({ name: choice }));
}
