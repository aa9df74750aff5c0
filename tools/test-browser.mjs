// node tools/test-browser.mjs [--serve] [part of a path …]: runs the isomorphic tests in headless Chromium on
// SwiftShader, then what they recorded once more in Node on SwiftShader, and wants the same bits. --serve only serves
// the page, for any browser.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { root, withBundle } from "./bundle.mjs";
import { launchChromium } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { fileList, testFiles } from "./test.mjs";

/** Test files that need neither node: nor a file system, as beginnings of their paths. */
const isomorphic = [
  "test/kernels/",
  "test/engine/",
  "test/models/",
  "test/losses/",
  "test/golden/golden.test.ts",
  "test/lab/debug.test.ts",
  "test/train/ten-steps.test.ts",
  "test/train/augment.test.ts",
  "test/train/augment-intensities.test.ts",
];

/** A page that says nothing for so long hangs. */
const silenceMinutes = 10;

const args = process.argv.slice(2);
const serveOnly = args[0] === "--serve" && args.shift() !== undefined;
const files = (await testFiles()).filter(
  (f) => isomorphic.some((i) => f.startsWith(i)) && (args.length === 0 || args.some((part) => f.includes(part))),
);
if (files.length === 0)
  fail(`no isomorphic test file matches ${args.join(", ")}; they begin with ${isomorphic.join(", ")}`);

const entry = `import { runInPage } from "./test/page/page.ts";\nvoid runInPage(${fileList(files)});`;
const outcome = await withBundle({ contents: entry, platform: "browser" }, async (bundlePath) => {
  const bundle = await readFile(bundlePath, "utf8");
  const page = await readFile(join(root, "test/page/page.html"));
  const own = new Map([
    ["/index.html", page],
    ["/tests.mjs", bundle],
  ]);
  const served = (path) => own.get(path) ?? fileOfTests(path);
  const { url, close } = await serve(served, { headers: { "cache-control": "no-store" } });
  if (serveOnly) {
    console.log(`open ${url} in a browser with WebGPU; Ctrl-C ends`);
    await new Promise(() => {});
  }
  try {
    return await runPage(url, sourceMapper(bundle));
  } finally {
    close();
  }
});
const compared = await compareWithNode(outcome.records);
const passed = outcome.passed + compared.passed;
const failed = outcome.failed + compared.failed;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** The tests' outcome in the page; what goes wrong with page or browser ends the process. */
async function runPage(url, mapped) {
  const browser = await launchChromium().catch((error) => fail(error.message));
  const version = browser.version();
  const colours = process.stdout.isTTY && !process.env.NO_COLOR;
  const print = (text) => console.log(mapped(colours ? text : stripVTControlCharacters(text)));
  try {
    const page = await browser.newPage();
    const records = [];
    const done = await new Promise((resolve, reject) => {
      let watchdog;
      const alive = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(
          () => reject(new Error(`the page said nothing for ${silenceMinutes} minutes`)),
          silenceMinutes * 60_000,
        );
      };
      alive();
      browser.on("disconnected", () => reject(new Error("the browser ended")));
      page.on("crash", () => reject(new Error("the page crashed")));
      page.on("pageerror", (error) => reject(new Error(mapped(error.stack ?? error.message))));
      page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.error(mapped(m.text())));
      page
        .exposeFunction("tellRunner", (message) => {
          alive();
          if ("line" in message) print(message.line);
          else if ("record" in message) records.push(message.record);
          else if ("adapter" in message) console.log(`Chromium ${version}, ${message.adapter}: ${files.length} files`);
          else if ("unusable" in message) reject(new Error(`${message.unusable}: Chromium ${version}`));
          else if ("done" in message) {
            clearTimeout(watchdog);
            resolve(message.done);
          }
        })
        .then(() => page.goto(url))
        .catch(reject);
    });
    return { ...done, records };
  } catch (error) {
    return fail(error.message);
  } finally {
    await browser.close();
  }
}

/** Runs the files that recorded in Node, on SwiftShader too: each record is a test. */
async function compareWithNode(records) {
  if (records.length === 0) return { passed: 0, failed: 0 };
  const folder = await mkdtemp(join(tmpdir(), "cmedl-records-"));
  const file = join(folder, "records.json");
  let passed = 0;
  let failed = 0;
  try {
    const recorded = [...new Set(records.map((r) => r.file))];
    const run = await promisify(execFile)(
      process.execPath,
      ["tools/test.mjs", "--device", "swiftshader", "--records", file, ...recorded],
      { cwd: root, maxBuffer: 1 << 26 },
    ).catch((error) => error);
    if (!existsSync(file) || run.code) {
      console.log(`FAIL the same files in Node on SwiftShader\n${run.stdout ?? ""}${run.stderr ?? ""}`);
      failed++;
    }
    const inNode = existsSync(file) ? JSON.parse(await readFile(file, "utf8")) : [];
    const { difference } = await withBundle(
      { entry: "test/helpers/records.ts" },
      (module) => import(pathToFileURL(module).href),
    );
    const key = (r) => `${r.file}: ${r.name}`;
    const nodes = new Map(inNode.map((r) => [key(r), r]));
    const pages = new Map(records.map((r) => [key(r), r]));
    if (pages.size !== records.length) {
      console.log("FAIL a file records two things under one name");
      failed++;
    }
    for (const name of new Set([...pages.keys(), ...nodes.keys()])) {
      const why = difference(pages.get(name), nodes.get(name));
      console.log(`${why ? "FAIL" : "ok  "} page = Node, bit for bit: ${name}${why ? `: ${why}` : ""}`);
      why ? failed++ : passed++;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { passed, failed };
}

/** A file below test/, if `path` names one. */
function fileOfTests(path) {
  if (!path.startsWith("/test/") || normalize(path) !== path) return undefined;
  return readFile(join(root, path)).catch(() => undefined);
}

/** Leads places in the bundle back to the sources. */
function sourceMapper(bundle) {
  const [, base64] = /sourceMappingURL=data:[^,]*;base64,([^\s]+)\s*$/.exec(bundle);
  const map = new SourceMap(JSON.parse(Buffer.from(base64, "base64").toString("utf8")));
  return (text) =>
    text.replace(/http:\/\/127\.0\.0\.1:\d+\/tests\.mjs:(\d+):(\d+)/g, (place, line, column) => {
      const { originalSource, originalLine, originalColumn } = map.findEntry(line - 1, column - 1);
      return originalSource === undefined
        ? place
        : `${originalSource.replace(/^(\.\.\/)+/, "")}:${originalLine + 1}:${originalColumn + 1}`;
    });
}

function fail(sentence) {
  console.error(`test:browser: ${sentence}`);
  process.exit(1);
}
