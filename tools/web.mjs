// node tools/web.mjs [--serve [PORT]] [--out FOLDER] [--models FOLDER]: the studio as files for any static host, in
// dist-web unless said otherwise; with --serve also at http://127.0.0.1:PORT (8080), where the page offers the runs and
// model zips below --models (runs, where that is there).
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { root } from "./bundle.mjs";
import { serveStudio } from "./serve-studio.mjs";
import { packedWgsl } from "./wgsl.mjs";

/** Stands beside a build, with the names of its files, a line each. */
const LIST = ".cmedl-studio";

/**
 * Builds the studio into `out`, in the place of an earlier build's files, if there are any; gives the files that its
 * start loads, with their bytes compressed. Throws where `out` holds other files and no build: nothing is removed then.
 */
export async function buildStudio(out) {
  const earlier = earlierBuild(out);
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { main: "web/main.tsx", worker: "web/worker/main.ts" },
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    jsx: "automatic",
    jsxImportSource: "preact",
    plugins: [packedWgsl],
    chunkNames: "chunks/[name]-[hash]",
    minify: true,
    sourcemap: true,
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const start = loadedBy(metafile, out, "main.js");
  const files = new Map([
    ["index.html", preloading(readFileSync(join(root, "web", "index.html"), "utf8"), start)],
    ["style.css", readFileSync(join(root, "web", "style.css"))],
    ...outputFiles.map(({ path, contents }) => [relative(out, path), contents]),
  ]);
  for (const file of earlier) rmSync(join(out, file), { force: true });
  for (const [file, bytes] of [[LIST, `${[...files.keys()].join("\n")}\n`], ...files]) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    writeFileSync(join(out, file), bytes);
  }
  return ["index.html", "style.css", ...start, ...loadedBy(metafile, out, "worker.js")]
    .filter((file, i, all) => all.indexOf(file) === i)
    .map((file) => ({ file, bytes: gzipSync(files.get(file), { level: 9 }).length }));
}

/** The page with all modules of its start named: they are fetched at once, not one behind the other. */
const preloading = (html, modules) =>
  html.replace(
    "</head>",
    `${modules.map((file) => `  <link rel="modulepreload" href="${file}" />\n  `).join("")}</head>`,
  );

/** Files of the build that stands in a folder. */
function earlierBuild(folder) {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return [];
  if (existsSync(join(folder, LIST))) return readFileSync(join(folder, LIST), "utf8").trim().split("\n");
  throw new Error(`${folder} holds files, and none of them is a build of the studio: name an empty folder by --out`);
}

/** An output and what it imports at once, as paths below `out`. */
function loadedBy({ outputs }, out, name) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind } of outputs[path].imports) if (kind === "import-statement") visit(next);
  };
  visit(Object.keys(outputs).find((path) => relative(out, join(root, path)) === name));
  return [...found].map((path) => relative(out, join(root, path)));
}

/** What the command line asks for. Throws where it can't be read. */
function asked() {
  const options = {
    serve: { type: "boolean" },
    out: { type: "string", default: "dist-web" },
    models: { type: "string" },
  };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [port = "8080", ...more] = positionals;
  if (more.length > 0 || (positionals.length > 0 && !values.serve))
    throw new Error(
      `"${positionals.at(-1)}" says nothing here; the folder is named by --out, the port by --serve PORT`,
    );
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
    throw new Error(`the port is "${port}"; it must be a whole number up to 65535`);
  if (values.models !== undefined && !values.serve)
    throw new Error("--models goes with --serve: a static host has files of its own alone");
  const models = values.models ?? (existsSync("runs") ? "runs" : undefined);
  return { out: resolve(values.out), models, port: values.serve ? Number(port) : undefined };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { out, port, models } = asked();
    const files = await buildStudio(out);
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    console.log(`${out}: starts with ${(total / 1000).toFixed(0)} kB compressed in ${files.length} files`);
    if (port !== undefined) {
      const { url } = await serveStudio(out, port, models);
      const offers = models === undefined ? "" : ` with the models below ${models}`;
      console.log(`the studio is at ${url}${offers} ; Ctrl-C ends`);
    }
  } catch (error) {
    console.error(`web: ${error.message}`);
    process.exitCode = 1;
  }
}
