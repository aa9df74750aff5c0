// node tools/build.mjs [--types] [--maps] [--out FOLDER]: builds dist/, the library and the command, a module for each
// file, so that a bundler takes what is used; with --types the declarations too, each beside its module; with --maps each
// module's source map in it.
import { build } from "esbuild";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./bundle.mjs";
import { entries } from "./exports.mjs";
import { ROOMS } from "./rooms.mjs";
import { minifyWgsl } from "./wgsl.mjs";

/**
 * The file behind `npx cmedl`. Its path never changes: in a clone, npx links it into its cache once, and a clone that is
 * updated still runs through that link.
 */
const COMMAND = "cmedl.mjs";

const args = process.argv.slice(2);
const withTypes = args.includes("--types");
const dist = args.includes("--out") ? args[args.indexOf("--out") + 1] : join(root, "dist");
const started = performance.now();

const filesBelow = async (folder) =>
  (await readdir(join(root, folder), { recursive: true })).map((f) => `${folder}/${f.replaceAll("\\", "/")}`);
const files = (await Promise.all(ROOMS.map(filesBelow))).flat();
const modules = files.filter((f) => /\.(ts|wgsl)$/.test(f) && !f.endsWith(".d.ts"));
/** Path of a module below dist/, without its ending. */
const built = (file) => file.replace(/\.ts$/, "");

for (const old of existsSync(dist) ? await readdir(dist, { recursive: true, withFileTypes: true }) : []) {
  // `npm pack` runs prepare after prepack: a build without --types keeps the declarations.
  if (!old.isDirectory() && (withTypes || !old.name.endsWith(".d.ts"))) {
    await rm(join(old.parentPath ?? old.path, old.name)); // Node 20.11 has the second alone
  }
}
const { metafile } = await build({
  entryPoints: modules.map((file) => ({ in: file, out: built(file) })),
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  packages: "external",
  external: ["node:*"],
  plugins: [{ name: "modules", setup: apart }],
  metafile: true,
  sourcemap: args.includes("--maps") ? "inline" : false,
  logLevel: "warning",
});
await writeFile(join(dist, COMMAND), '#!/usr/bin/env node\nimport "./cli/main.js";\n', { mode: 0o755 });
if (withTypes) await declarations(entries().map(({ source }) => join(root, source)));
const bytes = Object.entries(metafile.outputs)
  .filter(([file]) => file.endsWith(".js"))
  .reduce((n, [, o]) => n + o.bytes, 0);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`dist: ${modules.length} modules, ${(bytes / 1000).toFixed(0)} kB, in ${seconds} s`);

/** Each of our files stays a module of its own, which others import as it is called in dist/. */
function apart({ onResolve, onLoad }) {
  onResolve({ filter: /^\.{1,2}\/.*\.(ts|wgsl)$/ }, ({ path, kind }) =>
    kind === "entry-point" ? undefined : { path: `${built(path)}.js`, external: true },
  );
  onLoad({ filter: /\.wgsl$/ }, async ({ path }) => ({
    contents: minifyWgsl(await readFile(path, "utf8")),
    loader: "text",
  }));
}

async function declarations(sources) {
  const { default: ts } = await import("typescript");
  const path = join(root, "tsconfig.json");
  const { options, errors } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(path, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram([...sources, join(root, "kernels/wgsl.d.ts")], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: root,
    outDir: dist,
  });
  const written = new Map();
  const emitted = program.emit(undefined, (file, text) => void written.set(file, text));
  const found = [...errors, ...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
  if (found.length > 0) {
    console.error(
      ts.formatDiagnostics(found, {
        getCanonicalFileName: (f) => f,
        getCurrentDirectory: () => root,
        getNewLine: () => "\n",
      }),
    );
    process.exit(1);
  }
  const entryFiles = new Set(entries().map(({ source }) => built(source)));
  for (const [file, text] of written) {
    const name = relative(dist, file)
      .replaceAll("\\", "/")
      .replace(/\.d\.ts$/, "");
    await mkdir(dirname(file), { recursive: true });
    // A consumer's library may have no Disposable. WebGPU came to TypeScript's own with 6.0: before, the types that
    // package.json names lead the compiler to those of a package, which later ones would find twice.
    if (entryFiles.has(name))
      await writeFile(
        join(dist, `${name}.with-webgpu.d.ts`),
        '/// <reference types="@webgpu/types" />\nexport * from "./index.js";\n',
      );
    const head = entryFiles.has(name) ? '/// <reference lib="esnext.disposable" />\n' : "";
    await writeFile(file, head + text.replaceAll(/(from |import\()"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"'));
  }
}
