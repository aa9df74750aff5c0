// node tools/test.mjs [--device NAME] [--records FILE] [part of a path …]: bundles the test files that match (all if
// none is named) and runs them. --records writes what the tests recorded, as JSON.
import { readdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";
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

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  const option = (name) => (args.includes(name) ? args.splice(args.indexOf(name), 2)[1] : undefined);
  process.env.CMEDL_DEVICE = option("--device") ?? process.env.CMEDL_DEVICE ?? "";
  const recordsFile = option("--records");
  const files = (await testFiles()).filter((f) => args.length === 0 || args.some((part) => f.includes(part)));
  if (files.length === 0) {
    console.error(`no test file matches ${args.join(", ")}`);
    process.exit(2);
  }
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
