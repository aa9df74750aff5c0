// What the library weighs in a page: bundles of what a page imports, minified and compressed, printed beside their
// budgets.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { installed, removed } from "./install.ts";

const test = suite("sizes");

let project = "";
test.before(async () => {
  project = await installed();
});
test.after(() => removed(project));

const { exports: exported } = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, unknown> };
/** Every entry of the library that a page can import. */
const pageEntries = Object.keys(exported)
  .filter((entry) => !/^\.\/(node|package\.json)$/.test(entry))
  .map((entry) => JSON.stringify(`cmedl${entry.slice(1)}`));

const INFERENCE = `
  export { Device } from "cmedl";
  export { UNet, loadStateDict } from "cmedl/models";
  export { readSafetensors } from "cmedl/data";`;
const TRAINING = `${INFERENCE}
  export { Adam, Cmedl } from "cmedl/train";
  export * as losses from "cmedl/losses";`;

/** What a page has, and the most bytes that it may take. */
const budgets: readonly { readonly what: string; readonly code: string; readonly budget: number }[] = [
  { what: "imported, not used", code: pageEntries.map((e) => `import ${e};`).join(""), budget: 100 },
  { what: "Device, UNet, safetensors", code: INFERENCE, budget: 60_000 },
  { what: "the same, losses, Adam, CMEDL", code: TRAINING, budget: 100_000 },
  {
    what: "everything for pages",
    code: pageEntries.map((entry, i) => `export * as m${i} from ${entry};`).join(""),
    budget: 307_000,
  },
];

/** A page's bundle of `code`, minified. */
async function bundled(code: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: project, loader: "js" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.contents;
}
const compressed = (code: Uint8Array): number => gzipSync(code, { level: 9 }).length;

test("a bundler takes what is used, within the budgets", async () => {
  const rows = await Promise.all(budgets.map(async (row) => ({ ...row, bytes: compressed(await bundled(row.code)) })));
  const line = (what: string, bytes: string, budget: string): string =>
    `  ${what.padEnd(32)}${bytes.padStart(10)}${budget.padStart(10)}`;
  console.log(
    [
      line("a page's bundle", "gz bytes", "budget"),
      ...rows.map(({ what, bytes, budget }) => line(what, `${bytes}`, `${budget}`)),
    ].join("\n"),
  );
  assert.equal(
    rows.filter(({ bytes, budget }) => bytes > budget).map(({ what, bytes }) => `${what}: ${bytes} bytes`),
    [],
  );
});

test("what only training needs comes with what trains", async () => {
  const [inference, training] = await Promise.all(
    [INFERENCE, TRAINING].map(async (code) => Buffer.from(await bundled(code)).toString()),
  );
  const kernels = ["moments-then-map", "conv2d-weight-grad-direct-quad", "adam"];
  for (const name of kernels) {
    assert.not.ok(inference!.includes(`"${name}"`), name);
    assert.ok(training!.includes(`"${name}"`), name);
  }
});

test.run();
