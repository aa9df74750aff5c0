// node tools/run.mjs test/golden/main.ts DIR [name …]: checks every golden file of a folder that a check knows.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { testInNode } from "../helpers/node.ts";
import { parseGolden, show } from "./comparison.ts";
import { checkFor, checkGolden } from "./run.ts";
import { type Schedules, checkSchedules } from "./schedules.ts";

testInNode();
const [folder, ...names] = process.argv.slice(2);
const verbose = process.env.GOLDEN_ERRORS !== undefined;
if (!folder) {
  console.error("usage: npm run golden -- DIR [name …]");
  process.exit(2);
}
let entries: string[];
try {
  entries = await readdir(folder);
} catch (error) {
  console.error(
    `cannot read the folder ${folder}: ${error instanceof Error ? error.message : error}; ` +
      "give one that holds *.safetensors",
  );
  process.exit(2);
}
/** Files of numbers alone, in JSON. */
const SCHEDULES = "schedules";
const files = entries
  .filter((f) => f.endsWith(".safetensors"))
  .map((f) => f.slice(0, -".safetensors".length))
  .filter((f) => names.length === 0 || names.includes(f))
  .sort();
const schedules = entries.includes(`${SCHEDULES}.json`) && (names.length === 0 || names.includes(SCHEDULES));
if (files.length === 0 && !schedules) {
  console.error(`${folder} holds no ${names.length ? names.join(", ") : "*.safetensors"}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const unknown: string[] = [];
if (schedules) {
  const c = checkSchedules(JSON.parse(await readFile(join(folder, `${SCHEDULES}.json`), "utf8")) as Schedules);
  passed += c.checked - c.failures.length;
  failed += c.failures.length;
  console.log(
    `${c.failures.length ? "FAIL" : "ok  "} ${SCHEDULES}: ${c.checked} lists, worst relative error ${show(c.worst)}`,
  );
  for (const f of c.failures) console.log(`       ${f}`);
}
for (const name of files) {
  if (!checkFor(name)) {
    unknown.push(name);
    continue;
  }
  const start = performance.now();
  // drit_step_w4.safetensors has its losses in drit_step.json.
  const beside = [name, name.replace(/_[a-z]+\d+$/, "")].find((n) => entries.includes(`${n}.json`));
  const notes =
    beside === undefined ? undefined : (JSON.parse(await readFile(join(folder, `${beside}.json`), "utf8")) as unknown);
  const c = await checkGolden(name, async () =>
    parseGolden(name, new Uint8Array(await readFile(join(folder, `${name}.safetensors`))), notes),
  );
  passed += c.checked - c.failures.length;
  failed += c.failures.length;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${c.failures.length ? "FAIL" : "ok  "} ${name}: ${c.checked} tensors, ` +
      `worst relative error ${show(c.worst)} (${c.worstName}), ${seconds} s`,
  );
  for (const f of verbose ? c.failures : c.failures.slice(0, 20)) console.log(`       ${f}`);
  if (!verbose && c.failures.length > 20)
    console.log(`       and ${c.failures.length - 20} more failures; GOLDEN_ERRORS=1 prints all, and every error`);
  for (const note of c.notes) console.log(`       note: ${note}`);
  if (c.skipped.length) console.log(`       skipped, unknown: ${c.skipped.join(", ")}`);
  if (verbose) for (const [key, error] of c.errors) console.log(`       ${show(error)}  ${key}`);
}
if (unknown.length) console.log(`${unknown.length} files skipped, no check knows them: ${unknown.join(", ")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
