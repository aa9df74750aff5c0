// This build against another commit's: a worktree that takes its turns and leaves nothing behind.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { againstRows } from "../../bench/against/against.ts";
import { OtherBuild } from "../../bench/against/worktree.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("bench against");
const op = { op: "sum", sizes: { shape: [4, 6], axes: [0] } };

test("the last commit's build is measured in turn with this one, and its worktree is gone afterwards", async () => {
  if (!existsSync(".git")) return console.log("no clone here: not tested");
  // What the last commit's bench is too old for is not its build.
  const other = await OtherBuild.start("HEAD");
  const { folder, commit } = other;
  try {
    assert.match(commit, /^[0-9a-f]{7,}$/);
    const { gpu } = await environment().gpu();
    const [theirs, ours] = await againstRows(gpu, other, { op }, { seconds: 0.01 });
    assert.match(theirs.name, new RegExp(`^${commit}: reduce`));
    assert.match(ours.name, /^here: reduce/);
    assert.ok(theirs.ms!.median > 0 && ours.ms!.median > 0);
    assert.ok(ours.against && !theirs.against);
    const unfit = { op: { ...op, op: "matmul", sizes: { shape: [4, 6], filter: [6, 4] }, tunables: { XY: 1 } } };
    const refused = await againstRows(gpu, other, { op: unfit.op }, {}).catch((error: Error) => error.message);
    assert.match(String(refused), /--set XY|tunable/);
  } finally {
    await other.end();
  }
  assert.not.ok(existsSync(folder));
  assert.not.match(execFileSync("git", ["worktree", "list"], { encoding: "utf8" }), folder);
});

test("what is no commit is refused before anything is built", async () => {
  if (!existsSync(".git")) return console.log("no clone here: not tested");
  const message = await OtherBuild.start("no-such-commit").catch((error: Error) => error.message);
  assert.is(message, "--against no-such-commit: this clone has no such commit");
});

test.run();
