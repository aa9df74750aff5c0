// node tools/test.mjs [--device NAME] [--records FILE] [part of a path …]: bundles the test files that match (all if
// none is named) and runs them. --records writes what the tests recorded, as JSON. More than a few files run in several
// processes, one after the other: lavapipe maps each allocation of GPU memory, and a process has 65,530 maps.
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { root, withBundle } from "./bundle.mjs";

/** Test files below test/, as paths from the repository's root. */
export async function testFiles() {
  return (await readdir(`${root}/test`, { recursive: true }))
    .filter((f) => f.endsWith(".test.ts"))
    .map((f) => `test/${f.replaceAll("\\", "/")}`)
    .sort();
}

/** The list that runFiles takes, as source text. */
export const fileList = (files) => `[${files.map((f) => `["${f}", () => import("./${f}")]`).join(",\n")}]`;

/** Files that one process runs at most. */
const FEW = 6;

/** Files of one folder each, a few at a time. */
function groupsOf(files) {
  const groups = [];
  const folderOf = (file) => file.split("/").slice(0, -1).join("/");
  for (const file of files) {
    const last = groups.at(-1);
    if (last && last.length < FEW && folderOf(last[0]) === folderOf(file)) last.push(file);
    else groups.push([file]);
  }
  return groups;
}

/** Runs files in a process of their own, and gives what its closing lines count; all else is printed. */
async function inProcess(files, device) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [...process.execArgv, self, "--device", device, "--here", ...files], {
    stdio: ["inherit", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const line of createInterface({ input: child.stdout })) {
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(line) ?? [];
    const [, skipped] = /^(\d+) skipped$/.exec(line) ?? [];
    if (passed) Object.assign(counts, { passed: Number(passed), failed: Number(failed) });
    else if (skipped) counts.skipped = Number(skipped);
    else console.log(line);
  }
  const how = await ended;
  const isTold = how === 0 || (how === 1 && counts.failed > 0);
  if (isTold) return counts;
  console.log(`FAIL ${files.join(" ")}: the process ended by ${how}`);
  return { ...counts, failed: counts.failed + 1 };
}

async function inProcesses(files, device) {
  const sums = { passed: 0, failed: 0, skipped: 0 };
  for (const group of groupsOf(files))
    for (const [what, count] of Object.entries(await inProcess(group, device))) sums[what] += count;
  if (sums.skipped) console.log(`${sums.skipped} skipped`);
  console.log(`${sums.passed} passed, ${sums.failed} failed`);
  process.exit(sums.failed > 0 ? 1 : 0);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  const option = (name) => (args.includes(name) ? args.splice(args.indexOf(name), 2)[1] : undefined);
  process.env.CMEDL_DEVICE = option("--device") ?? process.env.CMEDL_DEVICE ?? "";
  const recordsFile = option("--records");
  const here = args.includes("--here") && args.splice(args.indexOf("--here"), 1).length > 0;
  const files = (await testFiles()).filter((f) => args.length === 0 || args.some((part) => f.includes(part)));
  if (files.length === 0) {
    console.error(`no test file matches ${args.join(", ")}`);
    process.exit(2);
  }
  if (!here && !recordsFile && files.length > FEW) await inProcesses(files, process.env.CMEDL_DEVICE);
  const contents = `
    import { writeFileSync } from "node:fs";
    import { records, testInNode } from "./test/helpers/node.ts";
    import { runFiles } from "./test/run.ts";
    testInNode();
    const passed = await runFiles(${fileList(files)});
    const file = ${JSON.stringify(recordsFile ?? null)};
    if (file) writeFileSync(file, JSON.stringify(records));
    process.exit(passed ? 0 : 1);
  `;
  process.setSourceMapsEnabled(true);
  globalThis.UVU_DEFER = 1; // before uvu loads, or it would run the suites too
  await withBundle({ contents }, (file) => import(pathToFileURL(file).href));
}
