// Each experiment of the soak, a few times: `npm run soak` goes on for as long as it is given.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { soaks } from "./soaks.ts";
import { Budget, Random } from "./soak.ts";

const test = suite("soak, in short");

/** Tries of each here; 40 by default of what takes milliseconds. */
const MOST: Readonly<Record<string, number>> = {
  kill: 3,
  disk: 2,
  hang: 1,
  "device-loss": 2,
  "out-of-memory": 2,
  validation: 4,
  "not-finite": 8,
  guards: 3,
  "same-bits": 3,
  mixed: 100,
  mutations: 50,
};
const DEFAULT = 40;
const SECONDS = 6;
/** Is test/cli/train.test.ts in short. */
const NOT_HERE = ["kill-command"];

for (const { name, tries, run } of soaks) {
  if (NOT_HERE.includes(name)) continue;
  test(`${name}: ${tries}`, async () => {
    const { tried, failed } = await run(new Budget(SECONDS, MOST[name] ?? DEFAULT), new Random(1));
    assert.equal(failed, []);
    assert.ok(tried > 0 || ["mixed", "disk", "page"].includes(name), "nothing was tried");
  });
}

test.run();
