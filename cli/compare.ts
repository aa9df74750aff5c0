// cmedl compare: runs side by side on the cases of one test, each against the first by paired tests.
import type { Command } from "commander";
import { basename, resolve } from "node:path";
import { CommandError } from "../node/errors.ts";
import { RunFolder } from "../node/run/folder.ts";
import { readTest } from "../node/run/tests.ts";
import { type Method, type Metric, compareMethods, comparisonNotes, comparisonTables } from "../report/comparison.ts";
import { tableText } from "../report/table.ts";

interface CompareFlags {
  name: string;
  json?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<runs...>", "folders of two runs or more; the first is what the others are compared with")
    .option("--name <name>", "the test, as `cmedl evaluate` called it", "test")
    .option("--json", "print all as JSON")
    .addHelpText(
      "after",
      `
p is of the two-sided paired Wilcoxon signed-rank test over the cases that both runs were tested on. Cases
of one pair of runs share one pair of networks: they tell these two runs apart, not the two methods.

Example:
  cmedl evaluate runs/ct && cmedl evaluate runs/cmedl && cmedl compare runs/ct runs/cmedl`,
    )
    .action(compare);
}

async function compare(paths: readonly string[], { name, json }: CompareFlags): Promise<void> {
  if (paths.length < 2) throw new CommandError("usage", "name two runs or more");
  const methods: Method[] = [];
  for (const path of paths) {
    const run = await RunFolder.open(path);
    const test = await readTest(run, name);
    if (!test)
      throw new CommandError("usage", `${path} has no test called ${name}; make it by \`cmedl evaluate ${path}\``);
    const called = basename(resolve(path));
    methods.push({ group: "", name: methods.some((m) => m.name === called) ? path : called, cases: test.cases });
  }
  const metrics = metricsOf(methods);
  const reference = methods[0]!.name;
  const compared = compareMethods(methods, metrics, reference);
  if (json) {
    process.stdout.write(`${JSON.stringify({ test: name, reference, rows: compared }, null, 2)}\n`);
    return;
  }
  const tables = comparisonTables(`Test ${name}`, compared, metrics, { reference });
  const notes = comparisonNotes(compared, reference);
  process.stdout.write(`${[...tables.map(tableText), notes.join("\n")].join("\n\n")}\n`);
}

/** The metrics of the first run's cases that all have, as tables show them. */
function metricsOf(methods: readonly Method[]): Metric[] {
  const namesOf = ({ cases }: Method): string[] => [
    ...new Set(Object.values(cases).flatMap((values) => Object.keys(values))),
  ];
  const [first, ...others] = methods.map(namesOf);
  return first!
    .filter((name) => name !== "segmented" && others.every((names) => names.includes(name)))
    .map((name) =>
      name.startsWith("HD95")
        ? { name, unit: "mm", digits: 2, better: "lower" }
        : { name, digits: 3, better: "higher" },
    );
}
