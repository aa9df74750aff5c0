// `npx cmedl` in a clone: what stands in its files is what runs, built or not.
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOMS } from "../../tools/rooms.mjs";

const test = suite("cmedl in a clone");
const run = promisify(execFile);

test("a family that was written after the build is known to the command at once", async () => {
  const clone = await mkdtemp(join(tmpdir(), "clone-"));
  try {
    for (const path of [...ROOMS, "tools", "package.json", "packages"])
      await cp(path, join(clone, path), { recursive: true });
    await symlink(resolve("node_modules"), join(clone, "node_modules"));
    const node = async (...args: string[]): Promise<string> =>
      (await run(process.execPath, args, { cwd: clone, maxBuffer: 2 ** 24 })).stdout;
    const listed = async (): Promise<string[]> => {
      const kernels = JSON.parse(await node("dist/cmedl.mjs", "kernel", "list", "--json")) as { names: string[] }[];
      return kernels.flatMap(({ names }) => names);
    };
    await node("tools/build.mjs");
    assert.not.ok((await listed()).includes("box-blur-direct"));
    await node("dist/cmedl.mjs", "kernel", "new", "box-blur");
    assert.ok((await listed()).includes("box-blur-direct"));
  } finally {
    await rm(clone, { recursive: true });
  }
});

test.run();
