// Both packages as npm sees them: what they need is named, and nothing besides; their versions move together; publint
// and attw find nothing.
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageOf } from "../../tools/npm-packages.mjs";
import { installCommand, installed, removed, run, tarballs } from "./install.ts";

const test = suite("manifests");

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: Record<string, string>;
  readonly bin: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { optional: boolean }>;
}
const manifest = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest;
const library = manifest("package.json");
const command = manifest("packages/cli/package.json");

let project = "";
let commandFolder = "";
test.before(async () => {
  project = await installed();
  commandFolder = await installCommand(project);
});
test.after(() => removed(project));

/** Packages that the modules below a folder import, by how they do. */
async function importsBelow(folder: string): Promise<{ name: string; dynamic: boolean }[]> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => /\.m?js$/.test(f));
  const { metafile } = await build({
    entryPoints: files.map((file) => join(folder, file)),
    outdir: "unwritten",
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  return Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path, external, kind }) => external && !path.startsWith("node:") && kind !== "require-call")
    .map(({ path, kind }) => ({ name: packageOf(path), dynamic: kind === "dynamic-import" }));
}

test("the library brings no other package, and asks for one only where it is used", async () => {
  assert.is(library.dependencies, undefined);
  const imports = (await importsBelow(join(project, "node_modules/cmedl/dist"))).filter(
    ({ name }) => name !== "@cmedl/cli",
  );
  assert.equal(
    imports.filter(({ dynamic }) => !dynamic),
    [],
    "a static import of an optional package",
  );
  const used = [...new Set(imports.map(({ name }) => name)), "@webgpu/types"].sort();
  assert.equal(Object.keys(library.peerDependencies), used);
  assert.equal(Object.keys(library.peerDependenciesMeta), used);
  for (const name of used) assert.is(library.peerDependenciesMeta[name]?.optional, true, name);
});

test("every package that is packed has the whole text of its licence beside it", () => {
  const licences = readFileSync(join(project, "node_modules/cmedl/dist/npm/LICENSES.txt"), "utf8");
  const parts = licences.split(/^(?=\S+ \d+\.\d+\.\d+$)/m).map((part) => part.trim());
  assert.ok(parts.length > 8, `${parts.length} packages`);
  for (const part of parts) assert.match(part, /Permission (?:to use|is hereby granted)|Redistribution and use/, part);
});

test("the command brings what it imports, in the versions that are tested here", async () => {
  const used = [...new Set((await importsBelow(join(commandFolder, "dist"))).map(({ name }) => name))];
  const own = used.filter((name) => name !== "@cmedl/cli").sort();
  assert.equal(command.dependencies, Object.fromEntries(own.map((name) => [name, library.devDependencies[name]])));
});

test("the versions of both packages move together", () => {
  for (const field of ["version", "license", "engines"] as const) assert.equal(command[field], library[field], field);
  const { version, packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    version: string;
    packages: Record<string, object>;
  };
  assert.is(version, library.version);
  for (const [name, entry] of Object.entries(packages)) assert.not.ok("resolved" in entry, `${name} names a registry`);
});

test("the command runs from its package, and through a path that stays", async () => {
  // npx links a clone's command into its cache once: an updated clone with another path has no command.
  for (const { bin } of [library, command]) assert.equal(bin, { cmedl: "dist/cmedl.mjs" });
  const { stdout } = await run(join(commandFolder, "dist/cmedl.mjs"), ["--version"], { cwd: project });
  assert.is(stdout, `${command.version}\n`);
  const drawn = await run(join(commandFolder, "dist/cmedl.mjs"), ["presets", "cmedl"], { cwd: project });
  assert.match(drawn.stdout, /^optimization:$/m);
});

test("the library's command runs the other package where that is installed, else says how it is got", async () => {
  const path = "node_modules/cmedl/dist/cmedl.mjs";
  assert.is((await run(path, ["--version"], { cwd: project })).stdout, `${command.version}\n`);
  const lone = await installed();
  try {
    const refused = await promisify(execFile)(join(lone, path), ["train", "--student", "my scans"]).catch((e) => e);
    assert.is(refused.code, 2);
    assert.is(refused.stdout, "");
    assert.match(refused.stderr, /^cmedl: [^\n]*: npx @cmedl\/cli train --student 'my scans'\n$/);
  } finally {
    removed(lone);
  }
});

test("what is not installed is named, with how it is got", async () => {
  const code =
    'import { openNodeGpu } from "cmedl/node"; await openNodeGpu().catch((e) => console.log(e.code, e.message));';
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: project });
  assert.match(stdout, /^package-missing a GPU in Node needs .*: npm install webgpu$/m);
});

test("publint and attw find nothing", async () => {
  const { library, command } = await tarballs();
  for (const tarball of [library, command])
    assert.match((await run("npx", ["--no-install", "publint", "run", tarball, "--strict"])).stdout, /All good!/);
  // The package is ES modules alone, for `exports` that TypeScript's resolution of before 2020 (node10) does not read:
  // the profile leaves out that and require().
  await run("npx", ["--no-install", "attw", library, "--profile", "esm-only"]);
});

test.run();
