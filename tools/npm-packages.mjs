// The npm packages that are packed into dist/npm, so that whoever installs cmedl gets them with it and need not resolve
// them: small ones in plain JavaScript, of each what our modules import, shaken and minified. What a manifest names as a
// peer or a dependency stays an import of that package.
import { build } from "esbuild";
import { readFileSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { root } from "./bundle.mjs";

const manifest = (file) => JSON.parse(readFileSync(resolve(root, file), "utf8"));

/** "@scope/name" of "@scope/name/path", "name" of "name/path". */
export const packageOf = (specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)[0];

/** Packages that are installed beside the library, by whoever needs them, or with the command. */
export function installedPackages() {
  const library = manifest("package.json");
  const command = manifest("packages/cli/package.json");
  return new Set([...Object.keys(library.peerDependencies), ...Object.keys(command.dependencies)]);
}

/** Path below dist/ of what is packed of a package. */
const packedFile = (name) => `npm/${name.replace("@", "").replace("/", "-")}.js`;

/** Statements before any other code: behind it an import is text, of a file that a module writes. */
function headOf(code) {
  const end = code.search(/^(?!import\b|[\s}]|$)/m);
  return end < 0 ? code : code.slice(0, end);
}

/** The names of "a, type B, c as d" that are there at run time. */
const namesIn = (list) =>
  list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => /^\w+/.exec(name)[0]);

/** The names that a module's text imports to run, by package; the default export is "default". */
export function importedNames(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/(^|\s)\/\/.*$/gm, "$1");
  const imports = headOf(code).matchAll(
    /\bimport\s+(?!type\s)(?:(\w+)\s*,?\s*)?(?:\{([^}]*)\}\s*)?from\s*"([^".][^"]*)"/g,
  );
  const loads = code.matchAll(/\bconst \{([^}]*)\} = await import\("([^".][^"]*)"\)/g);
  return [
    ...[...imports].map(([, byDefault, list = "", from]) => ({
      from,
      names: [...(byDefault ? ["default"] : []), ...namesIn(list)],
    })),
    ...[...loads].map(([, list, from]) => ({ from, names: namesIn(list) })),
  ];
}

/**
 * What is packed for `modules` (paths from the root): names by package, of packages that pages use and of those that
 * only Node uses; `file` tells the path below dist/ of one that is packed.
 */
export function packagesOf(modules) {
  const installed = installedPackages();
  const names = new Map();
  const inPages = new Set();
  for (const module of modules) {
    for (const { from, names: used } of importedNames(readFileSync(join(root, module), "utf8"))) {
      if (from.startsWith("node:") || installed.has(packageOf(from)) || used.length === 0) continue;
      names.set(from, new Set([...(names.get(from) ?? []), ...used]));
      if (!/^(node|cli)\//.test(module)) inPages.add(from);
    }
  }
  return {
    pages: new Map([...names].filter(([name]) => inPages.has(name))),
    node: new Map([...names].filter(([name]) => !inPages.has(name))),
    file: (name) => (names.has(name) ? packedFile(name) : undefined),
  };
}

/** Packs them into `dist`: `pages` as pages run them, `node` as Node does; and the texts of their licences. */
export async function packPackages({ pages, node }, dist) {
  const inputs = [
    ...(await packed(pages, dist, { platform: "browser", mainFields: ["browser", "module", "main"] })),
    ...(await packed(node, dist, {
      platform: "node",
      mainFields: ["module", "main"],
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
    })),
  ];
  const folders = inputs.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]);
  const unique = [...new Set(folders.filter((folder) => folder))].sort();
  await writeFile(join(dist, "npm/LICENSES.txt"), unique.map(licence).join("\n\n"));
}

/** The files that went into what is packed of the packages. */
async function packed(namesByPackage, dist, options) {
  const virtual = {
    name: "names",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^names:/ }, ({ path }) => ({ path: path.slice(6), namespace: "names" }));
      onLoad({ filter: /.*/, namespace: "names" }, ({ path }) => ({
        contents: `export { ${[...namesByPackage.get(path)].join(", ")} } from ${JSON.stringify(path)};`,
        resolveDir: root,
      }));
    },
  };
  const { metafile } = await build({
    entryPoints: [...namesByPackage.keys()].map((name) => ({
      in: `names:${name}`,
      out: packedFile(name).replace(/\.js$/, ""),
    })),
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    splitting: true,
    chunkNames: "npm/shared-[hash]",
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none", // LICENSES.txt has them
    plugins: [virtual],
    metafile: true,
    logLevel: "warning",
    ...options,
  });
  return Object.keys(metafile.inputs);
}

/** Name, version and licence of the package in a folder. Throws where it has no licence file: its text must go along. */
export function licence(folder) {
  const { name, version } = manifest(`${folder}/package.json`);
  const files = readdirSync(resolve(root, folder)).filter((file) => /^licen[cs]e\b/i.test(file));
  if (files.length === 0) throw new Error(`${folder} has no licence file: ${name} can't be packed`);
  const texts = files.sort().map((file) => readFileSync(resolve(root, folder, file), "utf8").trim());
  return `${[`${name} ${version}`, ...texts].join("\n\n")}\n`;
}
