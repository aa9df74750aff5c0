// npm run soak -- --minutes N [--only NAME,NAME] [--seed S] [--json FILE] [--markdown FILE]: harms runs, files and
// devices for N minutes, each experiment in a process of its own, and prints a table. Exit code 1 where anything
// failed.
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { testInNode } from "../helpers/node.ts";
import { start } from "./child.ts";
import { soaks } from "./soaks.ts";
import { Budget, type Outcome, Random, type Soak } from "./soak.ts";
import { type Row, rowText, tableMarkdown, tableText } from "./table.ts";

const USAGE = `usage: npm run soak -- [--minutes N] [--only NAME,NAME] [--seed S] [--json FILE] [--markdown FILE]
${soaks.map(({ name, tries }) => `  ${name.padEnd(16)}${tries}`).join("\n")}`;

function flagsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: "string", default: "5" },
        only: { type: "string" },
        seed: { type: "string" },
        json: { type: "string" },
        markdown: { type: "string" },
        help: { type: "boolean", short: "h" },
        /** Runs one experiment in this process, for so many seconds. */
        one: { type: "string" },
        seconds: { type: "string" },
      },
    }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}
const flags = flagsOf(process.argv.slice(2));
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}
const seed = Number(flags.seed ?? Date.now() % 1_000_000);
/** What a line of stdout begins with that has an outcome. */
const MARK = "soak outcome: ";
/** A child that is this much over its time hangs. */
const OVERTIME_MS = 240_000;

testInNode();
// What was started is ended with this process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
if (flags.one !== undefined) await runOne(flags.one, Number(flags.seconds));
else await runAll();

async function runOne(name: string, seconds: number): Promise<void> {
  const soak = soaks.find((s) => s.name === name)!;
  const outcome = await soak.run(new Budget(seconds), new Random(seed));
  const { tried, failed, notes, goals } = outcome;
  process.stdout.write(`${MARK}${JSON.stringify({ tried, failed, notes, goals })}\n`, () => process.exit(0));
}

async function runAll(): Promise<void> {
  const only = flags.only?.split(",");
  const unknown = only?.find((name) => !soaks.some((s) => s.name === name));
  const minutes = Number(flags.minutes);
  if (unknown !== undefined || !(minutes > 0)) {
    const problem = unknown === undefined ? `--minutes ${flags.minutes}` : `--only ${unknown}`;
    console.error(`${problem}: give minutes above 0, and of ${soaks.map((s) => s.name).join(", ")}`);
    process.exit(2);
  }
  const chosen = soaks.filter((s) => only?.includes(s.name) ?? true);
  console.log(
    `soak: ${chosen.length} experiments in ${minutes} minutes, seed ${seed}, ${availableParallelism()} cores`,
  );
  const whole = new Budget(60 * minutes);
  const rows: Row[] = [];
  for (const [i, soak] of chosen.entries()) {
    // Most end with their goals: what one leaves of its time is the others'.
    const rest = chosen.slice(i).reduce((sum, s) => sum + s.seconds, 0);
    const row = await inItsProcess(soak, whole.part(soak.seconds / rest).seconds);
    rows.push(row);
    console.log(rowText(row));
  }
  const load = loadavg()[2]!.toFixed(1);
  console.log(`\n${tableText(rows)}; seed ${seed}, load of the last 15 minutes ${load}`);
  const about = { date: new Date().toISOString(), minutes, seed, node: process.version, load, rows };
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(about, null, 2)}\n`);
  if (flags.markdown !== undefined) writeFileSync(flags.markdown, tableMarkdown(rows));
  process.exit(rows.some(({ failed }) => failed.length > 0) ? 1 : 0);
}

/** The outcome of an experiment's own process; a crash or a hang of it is a failure. */
async function inItsProcess(soak: Soak, seconds: number): Promise<Row> {
  const file = fileURLToPath(import.meta.url);
  const args = ["--one", soak.name, "--seconds", `${seconds}`, "--seed", `${seed}`];
  const node = ["--expose-gc", "--enable-source-maps"];
  const { code, signal, stdout, stderr, ms } = await start(file, args, {
    node,
    limitMs: 1000 * seconds + OVERTIME_MS,
  }).ended;
  const line = stdout.split("\n").find((l) => l.startsWith(MARK));
  const about = { name: soak.name, tries: soak.tries, seconds: ms / 1000 };
  if (line !== undefined && code === 0) return { ...about, ...(JSON.parse(line.slice(MARK.length)) as Outcome) };
  const why = `the experiment ended with ${code ?? signal} (seed ${seed}): ${stderr.trim().slice(-2000)}`;
  return {
    ...about,
    tried: 1,
    failed: [why],
    notes: [],
    goals: [{ wanted: "an outcome", reached: "none", met: false }],
  };
}
