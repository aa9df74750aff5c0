// What `npx cmedl` runs in a clone: the sources, where one of them is newer than dist/. What is built is then not what
// its developer reads; another process may be running it, so it is left as it is.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, withBundle } from "./bundle.mjs";
import { ROOMS } from "./rooms.mjs";

const changedAt = async (path) => (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;

async function filesOf(room) {
  const found = await readdir(join(root, room), { recursive: true }).catch(() => []);
  return found.filter((file) => /\.(ts|wgsl)$/.test(file)).map((file) => join(root, room, file));
}

/** Whether a file that is built was changed after the build. */
async function areNewer() {
  const builtAt = await changedAt(join(root, "dist/cli/main.js"));
  const files = (await Promise.all(ROOMS.map(filesOf))).flat();
  const times = await Promise.all([...files, join(root, "package.json")].map(changedAt));
  return times.some((time) => time > builtAt);
}

/** Runs the command from the sources where they are newer than what is built; whether it did. */
export async function runSources() {
  if (!(await areNewer())) return false;
  process.setSourceMapsEnabled(true);
  await withBundle({ entry: "cli/main.ts" }, (file) => import(pathToFileURL(file).href));
  return true;
}
