// The same command in another process: what it says and sends, how it ends, and that it does not outlive who began it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("side process");

/** A command that begins itself beside itself, and tells as JSON what came of it. */
const COMMAND = `
import { writeFileSync } from "node:fs";
import { answer, beside, endWithItsParent, isBeside } from ${JSON.stringify(resolve("node/run/side-process.ts"))};
endWithItsParent();
const [what] = process.argv.slice(2);
if (isBeside()) {
  process.stderr.write("Warning: maxFoo artificially reduced from 2 to 1\\n" + process.pid + "\\nhello\\n");
  if (what === "saves")
    process.once("SIGINT", () => {
      for (let i = 0; i < 9; i++) setTimeout(() => process.stderr.write("saving\\n"), 30 * i);
      setTimeout(() => (writeFileSync(process.argv[3], "whole"), process.exit(130)), 400);
    });
  if (what === "waits" || what === "saves") await new Promise((done) => setTimeout(done, 60_000));
  await answer({ numbers: new Float32Array(300_000).fill(7) });
  process.exit(Number(what));
}
const said = [];
let sent = 0;
const other = beside(process.argv.slice(2), {
  tell: (line) => (said.push(line), what !== "0" && what !== "3" && process.stdout.write(line + "\\n")),
  onMessage: ({ numbers }) => (sent = numbers.filter((v) => v === 7).length),
});
process.stdout.write(JSON.stringify({ code: await other.ended, said: said.slice(1), sent }) + "\\n");
`;

const folder = await mkdtemp(join(tmpdir(), "cmedl-side-"));
const file = join(folder, "command.mjs");
test.before(async () => {
  await writeFile(join(folder, "command.ts"), COMMAND);
  await build({
    entryPoints: [join(folder, "command.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: file,
  });
});
test.after(() => rm(folder, { recursive: true }));

async function outcome(...args: string[]): Promise<{ code: number; said: string[]; sent: number }> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  return JSON.parse(text) as { code: number; said: string[]; sent: number };
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("its lines, without drivers' notes, a large message and its exit code arrive", async () => {
  assert.equal(await outcome("0"), { code: 0, said: ["hello"], sent: 300_000 });
  assert.equal(await outcome("3"), { code: 3, said: ["hello"], sent: 300_000 });
});

test("a signal that nobody listens for ends both, and so does one that kills the one that began it", async () => {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const child = spawn(process.execPath, [file, "waits"], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => (text += String(chunk)));
    const ended = new Promise((done) => child.on("close", done));
    while (!text.includes("hello")) await new Promise((done) => setTimeout(done, 20));
    const pid = Number(text.split("\n")[0]);
    assert.ok(isAlive(pid));
    child.kill(signal);
    await ended;
    const end = performance.now() + 5000;
    while (isAlive(pid) && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
    assert.not(isAlive(pid), signal);
  }
});

test("the one that is left saves before it ends, though nobody reads what it says", async () => {
  const saved = join(folder, "saved");
  const child = spawn(process.execPath, [file, "saves", saved], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  const ended = new Promise((done) => child.on("exit", (...how) => done(how)));
  while (!text.includes("hello")) await new Promise((done) => setTimeout(done, 20));
  child.kill("SIGINT");
  assert.equal(await ended, [null, "SIGINT"]);
  const end = performance.now() + 5000;
  while (!existsSync(saved) && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
  assert.ok(existsSync(saved));
});

test.run();
