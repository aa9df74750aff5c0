// node tools/build.mjs [--types] [--maps] [--out FOLDER]: builds dist/, the library and the command, a module for each
// file, so that a bundler takes what is used, and dist/npm, what they need of small npm packages; with --types the
// declarations too, each beside its module; with --maps each module's source map in it. Both packages, cmedl and
// @cmedl/cli, are made of this: the library goes without dist/bench
// and dist/cli.
import { build } from "esbuild";
import { chmod, copyFile, readdir, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, posix, relative, resolve } from "node:path";
import { root } from "./bundle.mjs";
import { writeDeclarations } from "./declarations.mjs";
import { packPackages, packagesOf } from "./npm-packages.mjs";
import { OF_CLONES, ROOMS } from "./rooms.mjs";
import { packedWgsl } from "./wgsl.mjs";

const args = process.argv.slice(2);
const withTypes = args.includes("--types");
const dist = args.includes("--out") ? resolve(args[args.indexOf("--out") + 1]) : join(root, "dist");
const started = performance.now();

const filesBelow = async (folder) =>
  (await readdir(join(root, folder), { recursive: true })).map((f) => `${folder}/${f.replaceAll("\\", "/")}`);
const files = (await Promise.all(ROOMS.map(filesBelow))).flat();
const isOfClones = (f) => OF_CLONES.some((path) => f.startsWith(path));
const modules = files.filter((f) => /\.(ts|wgsl)$/.test(f) && !f.endsWith(".d.ts") && !isOfClones(f));
const packages = packagesOf(modules);
/** Path of a module below dist/, without its ending. */
const built = (file) => file.replace(/\.ts$/, "");

await removeEarlierBuild();
const { metafile } = await build({
  entryPoints: modules.map((file) => ({ in: file, out: built(file) })),
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  plugins: [packedWgsl, { name: "modules", setup: apart }],
  metafile: true,
  sourcemap: args.includes("--maps") ? "inline" : false,
  logLevel: "warning",
});
await packPackages(packages, dist);
// The file behind `npx cmedl`. Its path never changes: in a clone, npx links it into its cache once, and a clone that is
// updated still runs through that link.
await copyFile(join(root, "cli/cmedl.mjs"), join(dist, "cmedl.mjs"));
await chmod(join(dist, "cmedl.mjs"), 0o755);
if (withTypes) await writeDeclarations(dist, packages.file);
const bytes = Object.entries(metafile.outputs)
  .filter(([file]) => file.endsWith(".js"))
  .reduce((n, [, o]) => n + o.bytes, 0);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`dist: ${modules.length} modules, ${(bytes / 1000).toFixed(0)} kB, in ${seconds} s`);

/** Each of our files stays a module of its own, which others import as it is called in dist/; so do packed packages. */
function apart({ onResolve }) {
  onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
    if (kind === "entry-point") return undefined;
    const file = packages.file(path);
    const from = posix.dirname(relative(root, importer).replaceAll("\\", "/"));
    return { path: file === undefined ? path : posix.relative(from, file), external: true };
  });
  onResolve({ filter: /^\.{1,2}\/.*\.(ts|wgsl)$/ }, ({ path, kind }) =>
    kind === "entry-point" ? undefined : { path: `${built(path)}.js`, external: true },
  );
}

/**
 * Empties `dist` of files. A folder that --out names and that has others than a build writes is no folder of builds:
 * then the process ends.
 */
async function removeEarlierBuild() {
  const found = existsSync(dist) ? await readdir(dist, { recursive: true, withFileTypes: true }) : [];
  const old = found.filter((entry) => !entry.isDirectory()).map(pathOf);
  const written = new RegExp(
    `^(?:cmedl\\.mjs|npm/LICENSES\\.txt|(?:${[...ROOMS, "npm"].join("|")})/.*\\.(?:js|d\\.ts))$`,
  );
  const other = old.find((file) => !written.test(relative(dist, file).replaceAll("\\", "/")));
  if (other !== undefined && dist !== join(root, "dist")) {
    console.error(
      `${other} is no file of a build, which would empty ${dist}: name another folder, or remove that file`,
    );
    process.exit(1);
  }
  // `npm pack` runs prepare after prepack: a build without --types keeps the declarations.
  for (const file of old) if (withTypes || !file.endsWith(".d.ts")) await rm(file);
}

/** Of an entry of a folder. Node 20.11 has `path` alone. */
function pathOf({ parentPath, path, name }) {
  return join(parentPath ?? path, name);
}
