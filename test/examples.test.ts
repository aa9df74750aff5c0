// Every example runs as it stands, and finds what it says.
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "esbuild";
import { commandLine } from "./cli/command.ts";

const test = suite("examples");

/** What an example prints. */
async function printed(name: string): Promise<string> {
  const run = await promisify(execFile)(process.execPath, ["tools/run.mjs", `examples/${name}.ts`]);
  return run.stdout;
}

/** The number that follows `word` in a text. */
const numberAfter = (word: string, text: string): number => Number(new RegExp(`${word} (-?[\\d.e-]+)`).exec(text)?.[1]);

test("fit-a-line finds slope and height", async () => {
  const text = await printed("fit-a-line");
  assert.ok(Math.abs(numberAfter("slope", text) - 2) < 0.01, text);
  assert.ok(Math.abs(numberAfter("height", text) - 1) < 0.01, text);
});

test("unet-on-phantoms finds the tumour of patients it was not trained on", async () => {
  const text = await printed("unet-on-phantoms");
  assert.ok(numberAfter("Dice", text) > 0.5, text);
});

test("own-kernel blurs a dot, and its gradient is that of the blur", async () => {
  const block = (v: number): string => {
    const rows = ["0 0 0 0 0", `0 ${v} ${v} ${v} 0`, `0 ${v} ${v} ${v} 0`, `0 ${v} ${v} ${v} 0`, "0 0 0 0 0"];
    return rows.join(" ");
  };
  assert.equal(await printed("own-kernel"), `blurred: ${block(1)}\ngradient: ${block(2)}\n`);
});

test("own-regime moves both networks", async () => {
  const text = await printed("own-regime");
  const steps = text.trim().split("\n");
  assert.is(steps.length, 3, text);
  for (const line of steps) assert.match(line, /^step \d+: G 0\.\d+, D 0\.\d+, /);
  assert.ok(numberAfter("D", steps[0]!) !== numberAfter("D", steps[2]!), text);
  assert.ok(numberAfter("G\\(ct\\) − ct\\|", steps[2]!) < numberAfter("G\\(ct\\) − ct\\|", steps[0]!), text);
});

test("in-a-page is bundled for a browser without anything of Node's", async () => {
  const { outputFiles, warnings } = await build({
    entryPoints: ["examples/in-a-page/page.ts"],
    bundle: true,
    format: "esm",
    platform: "browser",
    loader: { ".wgsl": "text" },
    write: false,
    logLevel: "silent",
  });
  assert.equal(warnings, []);
  assert.not.match(outputFiles[0]!.text, /["']node:/);
  const html = readFileSync("examples/in-a-page/index.html", "utf8");
  const code = readFileSync("examples/in-a-page/page.ts", "utf8");
  for (const [, id] of code.matchAll(/"#(\w+)"/g)) assert.ok(html.includes(`id="${id}"`), `the page lacks #${id}`);
});

test("queue takes of its packages and of cmedl what they have", async () => {
  const { dependencies } = JSON.parse(readFileSync("examples/queue/package.json", "utf8"));
  assert.equal(Object.keys(dependencies), ["bullmq", "cmedl", "ioredis", "webgpu"]);
  for (const name of ["enqueue", "worker"])
    await build({
      entryPoints: [`examples/queue/${name}.mjs`],
      bundle: true,
      format: "esm",
      platform: "node",
      packages: "external",
      external: ["bullmq"],
      tsconfig: "tsconfig.json",
      loader: { ".wgsl": "text" },
      write: false,
      logLevel: "silent",
    });
});

test("federated: two folders that never meet train one student, and a table says what came out", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-federated-"));
  try {
    const env = { ...process.env, CMEDL: [process.execPath, ...(await commandLine([]))].join(" ") };
    const { stdout } = await promisify(execFile)("bash", ["examples/federated/rounds.sh", folder], { env });
    const alone = numberAfter("mean alone +", stdout);
    assert.ok(numberAfter("round-3 +", stdout) > alone && alone > 0.1, stdout);
    assert.equal((await readdir(join(folder, "sites"))).sort(), ["a", "b", "test"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("each example is tested here and named in examples/README.md", () => {
  const names = readdirSync("examples").filter((name) => name !== "README.md");
  const files = ["test/examples.test.ts", "test/examples-at-work.test.ts"];
  const tested = files.map((file) => readFileSync(file, "utf8")).join();
  const readme = readFileSync("examples/README.md", "utf8");
  for (const name of names) {
    assert.ok(tested.includes(name.replace(/\.ts$/, "")), `${name} is not tested`);
    assert.ok(readme.includes(`(${name})`), `${name} is not in examples/README.md`);
  }
});

test("README's library example is examples/fit-a-line.ts", () => {
  const block = /```js\n([\s\S]*?)```/.exec(readFileSync("README.md", "utf8"))?.[1];
  assert.is(block, readFileSync("examples/fit-a-line.ts", "utf8"));
});

test.run();
