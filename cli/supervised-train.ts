// cmedl train --supervise: the command again in processes that this one watches.
import { CommandError } from "../node/errors.ts";
import { Narrator } from "../node/narrator.ts";
import { supervise } from "../node/run/supervise.ts";
import type { MemoryFlags } from "./memory-flags.ts";

/** The flags of `cmedl train` that a run which goes on is given again. */
interface SupervisedFlags extends MemoryFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly dryRun?: boolean;
  readonly device?: string;
  readonly debugNans?: boolean;
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Runs this command again, without --supervise, in processes that it watches; leaves as the last of them does. */
export async function superviseTrain({ out, resume, dryRun, ...flags }: SupervisedFlags): Promise<void> {
  const path = resume ?? out;
  if (path === undefined || dryRun)
    throw new CommandError("usage", "--supervise needs a run's folder: give --out or --resume, and no --dry-run");
  const [entry, ...args] = process.argv.slice(1);
  const command = [...process.execArgv, entry!];
  const given = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : [flag, value]);
  const set = (flag: string, value: boolean | undefined): string[] => (value ? [flag] : []);
  const again = [
    ...["train", "--resume", path, ...given("--device", flags.device), ...set("--debug-nans", flags.debugNans)],
    ...[...set("--force", flags.force), ...given("--cache", flags.cache), ...given("--max-memory", flags.maxMemory)],
    ...[...set("--quiet", flags.quiet), ...set("--json", flags.json)],
  ];
  const narrator = new Narrator({ quiet: flags.quiet });
  const exitCode = await supervise({
    begin: [...command, ...args.filter((arg) => arg !== "--supervise")],
    resume: [...command, ...again],
    path,
    say: (line) => narrator.say(line),
  });
  process.exit(exitCode);
}
