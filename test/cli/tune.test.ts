// `cmedl tune`: what it keeps, and what later commands make of it.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Report } from "../../cli/doctor.ts";
import { keepTuning, readTuning, tuningFile } from "../../node/gpu/tuning-file.ts";
import { cmedl, commandLine } from "./command.ts";

const test = suite("cmedl tune");

/** With a cache of its own. */
async function inCache<T>(f: (cache: string) => Promise<T>): Promise<T> {
  const cache = await mkdtemp(join(tmpdir(), "cmedl-tune-"));
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = cache;
  try {
    return await f(cache);
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    await rm(cache, { recursive: true });
  }
}

/** Runs `cmedl …args` until it says that it timed a kernel, and ends it there. */
async function interrupted(args: readonly string[], cache: string): Promise<void> {
  const child = spawn(process.execPath, await commandLine(args), {
    env: { ...process.env, CMEDL_DEVICE: "", XDG_CACHE_HOME: cache },
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.stdout.once("data", () => child.kill("SIGKILL"));
  await new Promise((resolve) => child.once("exit", resolve));
}

test("times each kernel of a step once, keeps what it found at once, and goes on after an interrupt", () =>
  inCache(async (cache) => {
    const { gpu } = JSON.parse((await cmedl(["doctor", "--json"])).stdout) as Report;
    if (!gpu!.timestamps) return;
    const args = ["tune", "--regime", "ct-only", "--size", "32", "--width", "4", "--quiet"];
    await interrupted(args, cache);
    const left = Object.keys((await readTuning()).tuned).length;
    assert.ok(left >= 1, "what was found before the interrupt is kept");
    const first = await cmedl(args, { XDG_CACHE_HOME: cache });
    assert.is(first.exitCode, 0, first.stderr);
    assert.not.match(first.stderr, /compiling/);
    const lines = first.stdout.trim().split("\n");
    const count = lines.length - 1;
    assert.match(
      lines.at(-1)!,
      new RegExp(`^${count} kernels timed, \\d+ of them faster than as they ship; ${left + count} kept in ${cache}`),
    );
    const { tuned } = await readTuning();
    assert.is(Object.keys(tuned).length, left + count);
    assert.is(new Set(Object.keys(tuned).map((key) => key.split(" | ")[0])).size, 1, "all of one adapter");
    const second = await cmedl(args, { XDG_CACHE_HOME: cache });
    assert.match(second.stdout, /^0 kernels timed/);
  }));

test("another version's sizes do not count; a broken file is named, not fatal", () =>
  inCache(async () => {
    assert.equal(await readTuning(), { tuned: {} });
    assert.is(await keepTuning({ "a | conv2d | n1": { KV: 2 } }), 1);
    assert.is(await keepTuning({ "a | conv2d | n2": { KV: 1 } }), 2);
    const both = { "a | conv2d | n1": { KV: 2 }, "a | conv2d | n2": { KV: 1 } };
    assert.equal((await readTuning()).tuned, both, "what is kept is added to");
    await writeFile(
      tuningFile(),
      (await readFile(tuningFile(), "utf8")).replace(/"version": "[^"]*"/, '"version": "0.0.0"'),
    );
    assert.equal(await readTuning(), { tuned: {} });
    for (const text of ["{", "[]", '{"version":"1","tuned":{"a":{"KV":"2"}}}']) {
      await writeFile(tuningFile(), text);
      const { tuned, problem } = await readTuning();
      assert.equal(tuned, {});
      assert.match(problem!, /tuned\.json: .* remove it, or run `cmedl tune` anew/);
    }
  }));

test.run();
