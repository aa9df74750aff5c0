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

test("times each problem of a step once, keeps what it found at once, and goes on after an interrupt", () =>
  inCache(async (cache) => {
    const { gpu } = JSON.parse((await cmedl(["doctor", "--json"])).stdout) as Report;
    if (!gpu!.timestamps) return;
    const flags = ["--preset", "ct-only", "--size", "32", "--width", "4", "--quiet"];
    const args = ["tune", "max-pool-2d", ...flags];
    await interrupted(args, cache);
    const left = Object.keys((await readTuning()).tuned).length;
    assert.ok(left >= 1, "what was found before the interrupt is kept");
    const first = await cmedl(args, { XDG_CACHE_HOME: cache });
    assert.is(first.exitCode, 0, first.stderr);
    assert.not.match(first.stderr, /planning/);
    const lines = first.stdout.trim().split("\n");
    const { tuned } = await readTuning();
    const kept = Object.keys(tuned).length;
    assert.ok(kept > left);
    assert.match(
      lines.at(-1)!,
      new RegExp(
        `^${lines.length - 1} problems timed, \\d+ of them faster than as they ship; ${kept} choices kept in ${cache}`,
      ),
    );
    assert.is(new Set(Object.keys(tuned).map((key) => key.split(" | ")[0])).size, 1, "all of one adapter");
    const second = await cmedl(args, { XDG_CACHE_HOME: cache });
    assert.match(second.stdout, /^0 problems timed/);
    const unknown = await cmedl(["tune", "conv3d", ...flags], { XDG_CACHE_HOME: cache });
    assert.is(unknown.exitCode, 2);
    assert.match(
      unknown.stderr,
      /conv3d: no file, run or network, and no op or kernel with a choice in .* has it in its name/,
    );
  }));

test("recorded times are played without a GPU; a file of something else is named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-times-"));
  try {
    const file = join(folder, "times.json");
    const times = [30, 20, 25].map((us, i) => ({ kernel: "conv2d-direct-quad", consts: { KV: i + 1 }, us: [us] }));
    await writeFile(file, JSON.stringify({ adapter: "gpu", problems: { conv2d: times } }));
    const { stdout, exitCode } = await cmedl(["tune", "--simulate", file, "--trials", "2"]);
    assert.is(exitCode, 0);
    assert.match(stdout, /^grid {4}timed 3 of 3 candidates at 1 problems; 1\.000× the time of the fastest on average/m);
    assert.match(stdout, /^random {2}timed 2 of 3/m);
    await writeFile(file, "{}");
    const wrong = await cmedl(["tune", "--simulate", file]);
    assert.is(wrong.exitCode, 3);
    assert.match(wrong.stderr, /times\.json: holds no times of kernels; give what --record wrote/);
    const absent = await cmedl(["tune", "--simulate", join(folder, "absent.json")]);
    assert.is(absent.exitCode, 7);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("another version's sizes do not count; a broken file is named, not fatal", () =>
  inCache(async () => {
    assert.equal(await readTuning(), { tuned: {} });
    assert.is(await keepTuning({ "a | conv2d | n1": { KV: 2 } }), 1);
    assert.is(await keepTuning({ "a | conv2d | n2": "conv2d-direct" }), 2);
    const both = { "a | conv2d | n1": { KV: 2 }, "a | conv2d | n2": "conv2d-direct" };
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

test("an op at a shape is tuned alone; what is no op is refused with those that are", () =>
  inCache(async (cache) => {
    const { gpu } = JSON.parse((await cmedl(["doctor", "--json"])).stdout) as Report;
    if (!gpu!.timestamps) return;
    const shape = ["--shape", "1x8x8x8", "--filter", "3x3x8x8", "--quiet"];
    const tuned = await cmedl(["tune", "conv2d", ...shape], { XDG_CACHE_HOME: cache });
    assert.is(tuned.exitCode, 0, tuned.stderr);
    assert.match(tuned.stdout, / timed {2}conv2d \[1, 8, 8, 8\] \[3, 3, 8, 8\] → \[1, 8, 8, 8\]\n/);
    const refused = await cmedl(["tune", "blur", ...shape], { XDG_CACHE_HOME: cache });
    assert.is(refused.exitCode, 2);
    assert.match(refused.stderr, /--shape needs an op before it, not "blur"; ops are conv2d, /);
  }));

test.run();
