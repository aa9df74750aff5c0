import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exitOf } from "../../cli/exit.ts";
import {
  FileError,
  fileError,
  makeFolder,
  pathInside,
  readBytes,
  refuseOverwrite,
  writeAtomic,
} from "../../node/files.ts";

const test = suite<{ dir: string }>("files");
test.before((c) => {
  c.dir = mkdtempSync(join(tmpdir(), "cmedl-files-"));
});
test.after((c) => rmSync(c.dir, { recursive: true, force: true }));
const fails = async (run: () => Promise<unknown>, message: RegExp): Promise<void> => {
  try {
    await run();
  } catch (error) {
    assert.instance(error, FileError);
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable("nothing was thrown");
};

test("an atomic write makes its folder, replaces the old content and leaves nothing beside it", async ({ dir }) => {
  const path = join(dir, "new", "folder", "a.json");
  await writeAtomic(path, "one");
  await writeAtomic(path, new TextEncoder().encode("two"));
  assert.is(readFileSync(path, "utf8"), "two");
  assert.equal(readdirSync(join(dir, "new", "folder")), ["a.json"]);
});

test("a folder on a read-only disk is refused by that reason", async ({ dir }) => {
  const disk = join(dir, "disk");
  mkdirSync(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "none", disk]).status !== 0) {
    console.log("skipped: no disk can be mounted here");
    return;
  }
  try {
    await fails(() => makeFolder(join(disk, "a", "b")), /disk\/a\/b: is on a read-only file system/);
    await fails(() => writeAtomic(join(disk, "a", "b.json"), ""), /is on a read-only file system/);
  } finally {
    spawnSync("umount", [disk]);
  }
});

test("a write that fails keeps the old content and removes its temporary file", async ({ dir }) => {
  mkdirSync(join(dir, "taken"));
  writeFileSync(join(dir, "taken", "kept"), "old");
  await fails(() => writeAtomic(join(dir, "taken"), "x"), /taken/);
  assert.equal(
    readdirSync(dir).filter((f) => f.endsWith(".tmp")),
    [],
  );
  assert.is(readFileSync(join(dir, "taken", "kept"), "utf8"), "old");
});

test("a quota that is used up is told in words, though Node has no name for it", () => {
  const errno = -constants.errno.EDQUOT;
  const cause = Object.assign(new Error(), { code: `Unknown system error ${errno}`, errno, syscall: "write" });
  assert.match(fileError("masks/a.nii", cause).message, /^masks\/a\.nii: the disk quota is used up; free some space$/);
  assert.equal(exitOf({ ...cause, path: "a" }), { exitCode: 7, sentence: "a: the disk quota is used up" });
});

test("reading says plainly what is wrong", async ({ dir }) => {
  writeFileSync(join(dir, "ten"), "0123456789");
  assert.equal([...(await readBytes(join(dir, "ten"), 4))], [48, 49, 50, 51]);
  assert.is((await readBytes(join(dir, "ten"))).length, 10);
  await fails(() => readBytes(join(dir, "absent")), /absent: does not exist; check the path/);
  await fails(() => readBytes(dir), /is no regular file/);
});

test("what exists is not overwritten", async ({ dir }) => {
  writeFileSync(join(dir, "run"), "");
  await fails(
    () => refuseOverwrite(join(dir, "run"), "resume it with --resume"),
    /exists already; resume it with --resume/,
  );
  await refuseOverwrite(join(dir, "free"));
});

test("names that lead out of a folder are refused", ({ dir }) => {
  assert.is(pathInside(dir, "a/b.png"), join(dir, "a/b.png"));
  assert.is(pathInside(dir, "a/../b.png"), join(dir, "b.png"));
  for (const name of ["../x", "a/../../x", "/etc/x", "", ".", "a\0b", "c:x", "..\\x"])
    assert.throws(
      () => pathInside(dir, name),
      (e: unknown) => e instanceof FileError,
      JSON.stringify(name),
    );
  assert.not(existsSync(join(dir, "..", "x")));
});

test.run();
