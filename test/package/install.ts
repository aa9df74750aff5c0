// The package as its users have it: built into an empty project's node_modules, beside what it depends on.
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);

/** A project's folder with cmedl installed; the caller removes it. With `types`, declarations too. */
export async function installed({ types = false } = {}): Promise<string> {
  const project = mkdtempSync(join(tmpdir(), "cmedl-package-"));
  const modules = join(project, "node_modules");
  mkdirSync(join(modules, "cmedl"), { recursive: true });
  for (const name of readdirSync("node_modules"))
    if (name !== "cmedl") symlinkSync(resolve("node_modules", name), join(modules, name));
  copyFileSync("package.json", join(modules, "cmedl/package.json"));
  const out = join(modules, "cmedl/dist");
  await run(process.execPath, ["tools/build.mjs", "--out", out, ...(types ? ["--types"] : [])]);
  return project;
}

export const removed = (project: string): void => rmSync(project, { recursive: true, force: true });
