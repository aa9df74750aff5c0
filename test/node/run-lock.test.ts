// Who may train a run: one process at a time, also after another was killed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { eachInTurn } from "../../node/experiment/run.ts";
import { Narrator } from "../../node/narrator.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { RunLock } from "../../node/run/lock.ts";

const test = suite("who may train a run");
let folder = "";
test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-lock-"));
});
test.after.each(() => rm(folder, { recursive: true, force: true }));

const path = (): string => join(folder, "LOCK");
const heldBy = (holder: object): Promise<void> =>
  writeFile(path(), JSON.stringify({ host: hostname(), pid: process.pid, began: null, since: "then", ...holder }));
const refusal = (): Promise<string> =>
  RunLock.take(folder).then(
    () => "taken",
    (error: Error) => error.message,
  );

test("a lock is refused while it is held, and free once it is released", async () => {
  const lock = await RunLock.take(folder);
  assert.match(
    await refusal(),
    new RegExp(`is being trained by process ${process.pid} on .*, since 20.*; wait for it`),
  );
  await lock.release();
  assert.equal(await readdir(folder), []);
  await using _again = await RunLock.take(folder);
});

test("a process that was killed holds nothing: one of many others takes over", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const stat = await readFile(`/proc/${child.pid}/stat`, "utf8").catch(() => undefined);
  await heldBy({ pid: child.pid });
  assert.match(await refusal(), /is being trained/);
  child.kill("SIGKILL");
  await once(child, "exit");
  const takers = await Promise.allSettled(Array.from({ length: 8 }, () => RunLock.take(folder)));
  const taken = takers.flatMap((t) => (t.status === "fulfilled" ? [t.value] : []));
  assert.is(taken.length, 1);
  assert.equal(await readdir(folder), ["LOCK"], stat);
  await taken[0]!.release();
});

test("a process that ended holds nothing, though its parent has not heard of it", async () => {
  if (process.platform !== "linux") return;
  const parent = spawn("sh", ["-c", "sleep 0.1 & echo $!; exec sleep 100"]);
  const [pid] = (await once(parent.stdout, "data")).map(Number);
  await heldBy({ pid });
  assert.match(await refusal(), /is being trained/);
  while (!/^State:\tZ/m.test(await readFile(`/proc/${pid}/status`, "utf8"))) await setTimeout(20);
  await using _lock = await RunLock.take(folder);
  parent.kill();
});

test("a process number that was used again is another process", async () => {
  if (process.platform !== "linux") return;
  await heldBy({ began: "another boot 12345" });
  await using _lock = await RunLock.take(folder);
});

test("on another host a holder counts as gone after ten minutes without a sign of life", async () => {
  await heldBy({ host: "node17.cluster", pid: 1 });
  assert.match(await refusal(), /process 1 on node17\.cluster/);
  const earlier = new Date(Date.now() - 11 * 60_000);
  await utimes(path(), earlier, earlier);
  await using _lock = await RunLock.take(folder);
});

test("a lock that cannot be read is held, and the message says what to remove", async () => {
  await writeFile(path(), "");
  assert.match(await refusal(), /by another process; .* remove .*LOCK/);
});

test("a run whose process was killed before it wrote its configuration may be started again", async () => {
  const first = await RunFolder.create(join(folder, "run"));
  assert.is((await RunFolder.create(first.path)).path, first.path);
  const half = [".config.yaml.4242.0a1b2c3d.tmp", "LOCK.4242.0a1b2c3d"];
  for (const name of half) await writeFile(join(first.path, name), "seed:");
  await writeFile(join(first.path, "checkpoints", ".step-00000001.safetensors.4242.0a1b2c3d.tmp"), "");
  assert.is((await RunFolder.create(first.path)).path, first.path);
  await first.sweep();
  assert.equal((await readdir(first.path, { recursive: true })).sort(), [
    "LOCK.4242.0a1b2c3d",
    "checkpoints",
    "pictures",
  ]);
  await writeFile(join(first.path, "notes.txt"), "mine");
  assert.match(String(await RunFolder.create(first.path).catch((e: Error) => e.message)), /is not empty/);
});

test("a first line of the log that was cut short does not spoil the next one", async () => {
  const run = await RunFolder.create(join(folder, "run"));
  await writeFile(join(run.path, "log.jsonl"), '{"event":"st');
  await run.truncateLog(0);
  await run.log({ event: "step", steps: 1 });
  assert.equal(await run.events(), [{ event: "step", steps: 1 }]);
});

test("a run that never began may be started again; one that did may not", async () => {
  const first = await RunFolder.create(join(folder, "run"));
  await writeFile(join(first.path, "config.yaml"), "seed: 1\n");
  await first.setStatus("failed");
  await first.writeEvents([]);
  await writeFile(first.reportFile, "");
  assert.is((await RunFolder.create(first.path)).path, first.path);
  assert.is(await first.standing(), undefined);
  await first.log({ event: "step", steps: 1 });
  const error = await RunFolder.create(first.path).catch((e: Error) => e.message);
  assert.match(String(error), /holds a run already; go on with it by --resume/);
  await mkdir(join(folder, "mine"));
  await writeFile(join(folder, "mine", "notes.txt"), "");
  assert.match(String(await RunFolder.create(join(folder, "mine")).catch((e: Error) => e.message)), /is not empty/);
});

test("a folder in which nothing could be written is refused before anything is read", async () => {
  await writeFile(join(folder, "file"), "");
  const error = await RunFolder.check(join(folder, "file", "run")).catch((e: Error) => e.message);
  assert.match(String(error), /is no folder; choose another folder|does not exist; check the path/);
  await RunFolder.check(join(folder, "a", "b", "c"));
  assert.equal(await readdir(folder), ["file"], "nothing is made");
});

test("jobs that another process is at come last, once it is done", async () => {
  const runOf = (job: string): string => join(folder, job);
  for (const job of ["a", "b", "c"]) await mkdir(runOf(job));
  const other = await RunLock.take(runOf("a"));
  const done: string[] = [];
  await eachInTurn(["a", "b", "c"], runOf, new Narrator({ quiet: true }), async (job) => {
    await using _lock = await RunLock.take(runOf(job));
    done.push(job);
    if (job === "c") await other.release();
  });
  assert.equal(done, ["b", "c", "a"]);
  const failing = eachInTurn(["a"], runOf, new Narrator({ quiet: true }), () => Promise.reject(new Error("broken")));
  assert.is(await failing.catch((error: Error) => error.message), "broken");
});

test.run();
