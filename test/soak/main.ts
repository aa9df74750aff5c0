// npm run soak -- --minutes N [--only NAME,NAME] [--seed S] [--json FILE]: harms runs, files and devices for N minutes,
// each experiment in a process of its own, and prints a table. Exit code 1 where anything failed.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { testInNode } from "../helpers/node.ts";
import { start } from "./child.ts";
import { soaks } from "./soaks.ts";
import { Budget, type Outcome, Random, type Soak } from "./soak.ts";

interface Row extends Outcome {
  readonly name: string;
  readonly tries: string;
  readonly seconds: number;
}

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    only: { type: "string" },
    seed: { type: "string" },
    json: { type: "string" },
    /** Runs one experiment in this process, for so many seconds. */
    one: { type: "string" },
    seconds: { type: "string" },
  },
});
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
  const { tried, failed, notes } = outcome;
  process.stdout.write(`${MARK}${JSON.stringify({ tried, failed, notes })}\n`, () => process.exit(0));
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
  const shares = chosen.reduce((sum, s) => sum + s.share, 0);
  console.log(`soak: ${chosen.length} experiments in ${minutes} minutes, seed ${seed}`);
  const rows: Row[] = [];
  for (const soak of chosen) {
    const row = await inItsProcess(soak, (60 * minutes * soak.share) / shares);
    rows.push(row);
    console.log(lineOf(row));
    for (const note of row.notes) console.log(`    ${note}`);
    for (const line of row.failed.slice(0, 20)) console.log(`    FAILED ${line}`);
  }
  const failed = rows.reduce((n, r) => n + r.failed.length, 0);
  const tried = rows.reduce((n, r) => n + r.tried, 0);
  console.log(`\n${lineOf({ name: "experiment", tries: "what was tried" })}`);
  for (const row of rows) console.log(lineOf(row));
  console.log(`\n${tried} tried, ${failed} failed; seed ${seed}`);
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ date: new Date().toISOString(), minutes, seed, rows }, null, 2)}\n`);
  process.exit(failed > 0 ? 1 : 0);
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
  return { ...about, tried: 1, failed: [why], notes: [] };
}

function lineOf(row: Pick<Row, "name" | "tries"> & Partial<Row>): string {
  const number = (n: number | undefined, head: string): string => (n === undefined ? head : Math.round(n).toString());
  return [
    row.name.padEnd(16),
    number(row.tried, "tried").padStart(9),
    number(row.failed?.length, "failed").padStart(7),
    number(row.seconds, "seconds").padStart(8),
    ` ${row.tries}`,
  ].join(" ");
}
