// What a shell's completion asks: what may stand at the cursor of a line. Scripts of all shells tell the line and the
// cursor (COMP_LINE, COMP_POINT), and which form the answer is to have (SHELL).
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
  // Some scripts pass the line's words too, as they split it.
  command.argument("[word...]", "not used").action(async () => {
    const { COMP_LINE: line = "", COMP_POINT: point } = process.env;
    const found = await suggestionsFor(line.slice(0, point === undefined ? undefined : Number(point)));
    const shell = getShellFromEnv(process.env);
    if (found) log([...found], shell);
    // Where bash hears nothing, it completes files itself.
    else if (shell !== "bash") logFiles();
  });
}

/** What may stand at the end of a line that is cut at the cursor; undefined where files may. */
export async function suggestionsFor(line: string): Promise<readonly Suggestion[] | undefined> {
  const [, ...words] = line.split(/[;|&]/).at(-1)!.trimStart().split(/\s+/);
  const word = words.pop() ?? "";
  const [name, ...before] = words;
  if (name === undefined || (name === "help" && before.length === 0))
    return commands.filter((c) => !c.hidden).map((c) => ({ name: c.name, description: c.summary }));
  const entry = commands.find((c) => c.name === name);
  if (!entry) return undefined;
  const command = new Command(name);
  (await entry.load()).register(command);
  return suggestionsOf(command, before, word);
}

/** The same of one command's words. */
function suggestionsOf(outer: Command, before: readonly string[], word: string): readonly Suggestion[] | undefined {
  const { command, given, asks } = reached(outer, before);
  if (asks) return named(wordsOf(asks));
  if (word.startsWith("-"))
    return optionsOf(command).map((o) => ({ name: o.long ?? o.short!, description: o.description.split("\n")[0]! }));
  const { registeredArguments: all } = command;
  const argument = all[given] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  const subcommands = given === 0 ? command.commands.map((c) => c.name()) : [];
  return named([...subcommands, ...((argument && wordsOf(argument)) ?? [])]);
}

/**
 * Where the words have led to: a command or one below it, how many of its arguments are given, and the flag that asks.
 */
function reached(outer: Command, before: readonly string[]): { command: Command; given: number; asks?: Option } {
  let command = outer;
  let given = 0;
  let asks: Option | undefined;
  for (const word of before) {
    const below = command.commands.find((c) => c.name() === word);
    if (asks)
      asks = undefined; // its value
    else if (word.startsWith("-"))
      asks = optionsOf(command).find((o) => (o.required || o.optional) && (o.long === word || o.short === word));
    else if (below && given === 0) command = below;
    else given++;
  }
  return { command, given, ...(asks ? { asks } : {}) };
}

const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);
const named = (words: readonly string[] | undefined): readonly Suggestion[] | undefined =>
  words?.length ? words.map((name) => ({ name })) : undefined;
