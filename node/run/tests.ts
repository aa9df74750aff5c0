// What a run scored on cases, in its folder: tests/NAME.json with all that the report shows, and tests/NAME.csv.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SEGMENTED, metricNames } from "../../report/comparison.ts";
import { csv } from "../../report/table.ts";
import type { TestRecord } from "../../report/page/run-page.ts";
import { writeAtomic } from "../files.ts";
import type { RunFolder } from "./folder.ts";

const TESTS = "tests";

/** The paths that a test's files have. */
export const testPaths = (run: RunFolder, name: string): { json: string; csv: string } => ({
  json: join(run.path, TESTS, `${name}.json`),
  csv: join(run.path, TESTS, `${name}.csv`),
});

/** Writes a test; its two files. Throws FileError where that fails. */
export async function writeTest(
  run: RunFolder,
  name: string,
  test: TestRecord,
): Promise<{ json: string; csv: string }> {
  const paths = testPaths(run, name);
  await writeAtomic(paths.json, `${JSON.stringify(test, null, 2)}\n`);
  await writeAtomic(paths.csv, casesCsv(test.cases));
  return paths;
}

/** A line a case. */
export function casesCsv(cases: TestRecord["cases"]): string {
  const isShared = Object.values(cases).some((values) => SEGMENTED in values);
  const metrics = [...metricNames(cases), ...(isShared ? [SEGMENTED] : [])];
  return csv([
    ["case", ...metrics],
    ...Object.entries(cases).map(([id, values]) => [id, ...metrics.map((metric) => values[metric] ?? null)]),
  ]);
}

/** The names of a run's tests, in order. */
export async function testNames(run: RunFolder): Promise<string[]> {
  const files = await readdir(join(run.path, TESTS)).catch(() => [] as string[]);
  return files
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/** The tests of a run, in the order of their names; files that are none are left out. */
export async function readTests(run: RunFolder): Promise<TestRecord[]> {
  const tests = await Promise.all((await testNames(run)).map((name) => readTest(run, name)));
  return tests.filter((test) => test !== undefined);
}

/** The run's test of that name; undefined where there is none. */
export async function readTest(run: RunFolder, name: string): Promise<TestRecord | undefined> {
  const text = await readFile(testPaths(run, name).json, "utf8").catch(() => "");
  try {
    const test = JSON.parse(text) as Partial<TestRecord> | null;
    return typeof test?.title === "string" && typeof test.cases === "object" ? (test as TestRecord) : undefined;
  } catch {
    return undefined;
  }
}
