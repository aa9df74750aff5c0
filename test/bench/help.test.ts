// The bench's command line through its front door.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("bench help");
const bench = (...args: string[]) =>
  spawnSync(process.execPath, ["tools/run.mjs", "bench/main.ts", ...args], { encoding: "utf8" });

test("--help names every option, what is timed and how, and the rule of a regression", () => {
  const { status, stdout } = bench("--help");
  assert.is(status, 0);
  for (const word of [
    "--quick",
    "--device",
    "--json",
    "--baseline",
    "--shape",
    "--variant",
    "--against",
    "--watch",
    "--peaks",
    "99.5 %",
    "--peers",
    "--torch",
    "--torch-cpu",
    "--python",
    "LP_NUM_THREADS",
    "--size",
    "--list",
    "--cases",
    "--winograd",
    "WRONG",
    "1.15",
    "p10–p90",
    "filter",
  ])
    assert.ok(stdout.includes(word), word);
});

test("an unknown option is exit code 2", () => {
  const { status, stderr } = bench("--fast");
  assert.is(status, 2);
  assert.match(stderr, "--fast");
});

test.run();
