// cmedl compare: runs side by side on the cases of one test, each against the first by paired tests.
import type { Command } from "commander";
import { basename, resolve } from "node:path";
import { CommandError } from "../node/errors.ts";
import { RunFolder } from "../node/run/folder.ts";
import { didLearn } from "../node/run/evaluate.ts";
import { readTest, testNames } from "../node/run/tests.ts";
import {
  type Method,
  type Metric,
  areOfMasks,
  compareMethods,
  comparisonNotes,
  comparisonTables,
  metricNames,
  metricOf,
} from "../report/comparison.ts";
import { tableText } from "../report/table.ts";

interface CompareFlags {
  name?: string;
  json?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<runs...>", "folders of two runs or more; the first is what the others are compared with")
    .option("--name <name>", "the test, as `cmedl evaluate` called it (the one that all have)")
    .option("--json", "print all as JSON")
    .addHelpText(
      "after",
      `
p is of the two-sided paired Wilcoxon signed-rank test over the cases that all runs were tested on;
others are left out. Cases of one pair of runs share one pair of networks: they tell these two runs
apart, not the two methods.

Example:
  cmedl evaluate runs/ct && cmedl evaluate runs/cmedl && cmedl compare runs/ct runs/cmedl`,
    )
    .action(compare);
}

async function compare(paths: readonly string[], { name, json }: CompareFlags): Promise<void> {
  if (paths.length < 2) throw new CommandError("usage", "name two runs or more");
  const runs = await Promise.all(paths.map((path) => RunFolder.open(path)));
  const test = name ?? (await testOfAll(runs));
  const all: Method[] = [];
  const tolerances = new Set<number>();
  for (const run of runs) {
    const found = await readTest(run, test);
    if (!found) throw new CommandError("usage", `${run.path} has no test called ${test}; ${await whatThereIs(run)}`);
    if (found.toleranceMm !== undefined) tolerances.add(found.toleranceMm);
    // A test of pseudo images has no masks that could be worth nothing.
    const learned = !areOfMasks(found.cases) || didLearn(found.cases);
    const called = basename(resolve(run.path));
    const isTaken = all.some((m) => m.name === called);
    all.push({ group: "", name: isTaken ? run.path : called, cases: found.cases, learned });
  }
  if (tolerances.size > 1)
    throw new CommandError(
      "usage",
      `surface Dice was measured at ${[...tolerances].join(" and ")} mm; evaluate the runs with one --tolerance`,
    );
  const { methods, left } = onCommonCases(all);
  const metrics = metricsOf(methods);
  if (metrics.length === 0)
    throw new CommandError("usage", "the runs have no metric in common: they segment other structures");
  const reference = methods[0]!.name;
  const compared = compareMethods(methods, metrics, reference);
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ test, reference, leftOut: left, metrics: metrics.map((m) => m.name), rows: compared }, null, 2)}\n`,
    );
    return;
  }
  const tables = comparisonTables(`Test ${test}`, compared, metrics, { reference });
  const notes = [
    ...comparisonNotes(compared, reference),
    ...(left.length > 0 ? [`left out, for not all runs were tested on them: ${left.join(", ")}`] : []),
  ];
  process.stdout.write(`${[...tables.map(tableText), notes.join("\n")].join("\n\n")}\n`);
}

/** The one test that all runs have. Throws CommandError where there is none, or several. */
async function testOfAll(runs: readonly RunFolder[]): Promise<string> {
  const [first, ...others] = await Promise.all(runs.map(testNames));
  const common = first!.filter((name) => others.every((names) => names.includes(name)));
  if (common.length === 1) return common[0]!;
  if (common.length > 1)
    throw new CommandError(
      "usage",
      `the runs have several tests in common: choose one by --name ${common.join(" or ")}`,
    );
  const told = await Promise.all(runs.map(async (run) => `${run.path}: ${await whatThereIs(run)}`));
  throw new CommandError("usage", `the runs have no test in common; ${told.join("; ")}`);
}

async function whatThereIs(run: RunFolder): Promise<string> {
  const names = await testNames(run);
  return names.length > 0 ? `it has ${names.join(", ")}` : `make one by \`cmedl evaluate ${run.path}\``;
}

/** The methods on the cases that all have, and the ids of the others. Throws CommandError where they share none. */
function onCommonCases(all: readonly Method[]): { methods: Method[]; left: string[] } {
  const ids = [...new Set(all.flatMap(({ cases }) => Object.keys(cases)))];
  const common = ids.filter((id) => all.every(({ cases }) => id in cases));
  if (common.length === 0) throw new CommandError("usage", "the runs were tested on no case in common");
  const only = (cases: Method["cases"]): Method["cases"] => Object.fromEntries(common.map((id) => [id, cases[id]!]));
  return {
    methods: all.map((method) => ({ ...method, cases: only(method.cases) })),
    left: ids.filter((id) => !common.includes(id)),
  };
}

/** The metrics that all have. */
function metricsOf(methods: readonly Method[]): Metric[] {
  const [first, ...others] = methods.map(({ cases }) => metricNames(cases));
  return first!.filter((name) => others.every((names) => names.includes(name))).map(metricOf);
}
