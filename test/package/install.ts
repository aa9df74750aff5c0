// Both packages as their users have them: packed, and installed in an empty folder without a network.
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { findSwiftShader } from "../../node/gpu/swiftshader.ts";

export const run = promisify(execFile);

export interface Tarballs {
  /** Files as `npm publish` would send them. */
  readonly library: string;
  readonly command: string;
}

let packed: Promise<Tarballs> | undefined;

/** Packs both packages: once a process, which removes them at its end. */
export const tarballs = (): Promise<Tarballs> => (packed ??= pack());

async function pack(): Promise<Tarballs> {
  const folder = mkdtempSync(join(tmpdir(), "cmedl-packed-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  // Of a copy: a build in place would take dist/ away under whoever runs it.
  const library = join(folder, "cmedl");
  mkdirSync(library);
  for (const file of ["package.json", "README.md", "LICENSE"]) copyFileSync(file, join(library, file));
  await run(process.execPath, ["tools/build.mjs", "--types", "--out", join(library, "dist")]);
  const packs = async (from: string, ...flags: string[]): Promise<string> => {
    const { stdout } = await run("npm", ["pack", ...flags, "--silent", "--pack-destination", folder, from]);
    return join(folder, stdout.trim().split("\n").at(-1) ?? "");
  };
  return { library: await packs(library, "--ignore-scripts"), command: await packs("./packages/cli") };
}

/**
 * An empty folder in which `npm install cmedl` was typed; the caller removes it. `beside` names packages that its user
 * has besides: they are links to those of this repository.
 */
export async function installed({ beside = [] }: { beside?: readonly string[] } = {}): Promise<string> {
  const { library } = await tarballs();
  const project = mkdtempSync(join(tmpdir(), "cmedl-installed-"));
  writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", library], { cwd: project });
  link(beside, project);
  return project;
}

/** Puts the command's package, and what its manifest names and no more, into a project; its folder. */
export async function installCommand(project: string): Promise<string> {
  const { command } = await tarballs();
  const folder = join(project, "node_modules/@cmedl/cli");
  mkdirSync(folder, { recursive: true });
  await run("tar", ["-xzf", command, "-C", folder, "--strip-components=1"]);
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  link(Object.keys(dependencies), folder);
  return folder;
}

function link(names: readonly string[], into: string): void {
  for (const name of names) {
    const to = join(into, "node_modules", name);
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(resolve("node_modules", name), to);
  }
}

/**
 * The environment in which Dawn, as another process creates it, finds the adapter that `openNodeGpu` finds in this one:
 * what this process loads where the system has no Vulkan loader or driver is told to the other by the system's names.
 */
export async function environmentForDawn(): Promise<NodeJS.ProcessEnv> {
  const { how } = (await openNodeGpu({ quiet: true })).choice;
  const files = how === "system" ? undefined : await findSwiftShader();
  if (!files) return process.env;
  const libraries = [files.loader && dirname(files.loader), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return {
    ...process.env,
    ...(libraries === "" ? {} : { LD_LIBRARY_PATH: libraries }),
    ...(how === "swiftshader" ? { VK_DRIVER_FILES: files.icd } : {}),
  };
}

export const removed = (project: string): void => rmSync(project, { recursive: true, force: true });
