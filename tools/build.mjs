// node tools/build.mjs [--types]: builds dist/, the command and the library of package.json's "exports", from one
// esbuild run so that they share chunks; with --types the declarations too.
import { build } from "esbuild";
import { chmod, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./bundle.mjs";
import { entries } from "./exports.mjs";

const dist = join(root, "dist");
const sources = entries();
const started = performance.now();
const types = join(dist, "types");
for (const old of existsSync(dist) ? await readdir(dist) : []) {
  // `npm pack` runs prepare after prepack: a build without --types keeps the declarations.
  if (old !== "types" || process.argv.includes("--types")) await rm(join(dist, old), { recursive: true });
}
const { metafile } = await build({
  entryPoints: Object.fromEntries([["cmedl", "cli/main.ts"], ...sources.map(({ name, source }) => [name, source])]),
  absWorkingDir: root,
  outdir: dist,
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  packages: "external",
  external: ["node:*"],
  loader: { ".wgsl": "text" },
  sourcemap: "linked",
  sourcesContent: false,
  metafile: true,
  logLevel: "warning",
});
await chmod(join(dist, "cmedl.mjs"), 0o755);
if (process.argv.includes("--types")) await declarations(sources.map(({ source }) => join(root, source)));
const bytes = Object.entries(metafile.outputs)
  .filter(([file]) => file.endsWith(".mjs"))
  .reduce((n, [, o]) => n + o.bytes, 0);
const kilobytes = (bytes / 1000).toFixed(0);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`dist: ${sources.length} entries and the command, ${kilobytes} kB, in ${seconds} s`);

async function declarations(files) {
  const { default: ts } = await import("typescript");
  const path = join(root, "tsconfig.json");
  const { options, errors } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(path, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram([...files, join(root, "kernels/wgsl.d.ts")], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: root,
    outDir: types,
  });
  const found = [...errors, ...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
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
  // TypeScript's own library has no WebGPU yet: the consumer's compiler is led to the types that come with webgpu.
  for (const { source } of sources) {
    const file = join(types, source.replace(/\.ts$/, ".d.ts"));
    await writeFile(file, `/// <reference types="@webgpu/types" />\n${await readFile(file, "utf8")}`);
  }
}
