// The one front door for .ts and .wgsl: esbuild turns an entry into one ES module. Nothing generated is kept in git.
import { build } from "esbuild";
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Bundles `entry` (a path, or `contents` resolved from the repository's root) into `outfile`. In Node, packages are
 * imported at run time; with `everything` they are bundled too, but for Dawn, as their authors made them for
 * browsers.
 */
export async function bundle({ entry, contents, outfile, platform = "node", minify = false, everything = false }) {
  await build({
    ...(contents === undefined
      ? { entryPoints: [entry] }
      : { stdin: { contents, resolveDir: root, sourcefile: "entry.ts", loader: "ts" } }),
    outfile,
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform,
    target: platform === "node" ? "node20" : "es2022",
    loader: { ".wgsl": "text" },
    ...(platform !== "node"
      ? {}
      : !everything
        ? { packages: "external" }
        : {
            external: ["webgpu"],
            mainFields: ["module", "main"],
            banner: {
              js:
                'import { createRequire as requireFrom } from "node:module"; ' +
                "const require = requireFrom(import.meta.url);",
            },
          }),
    sourcemap: minify ? false : "inline",
    minify,
    logLevel: "warning",
  });
  return outfile;
}

/**
 * Bundles into a file that lives beside node_modules (so that packages resolve) until `use` is done with it, or the
 * process.
 */
export async function withBundle(options, use) {
  const folder = join(root, "node_modules", ".cache", "cmedl");
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, `${process.pid}-${Math.random().toString(36).slice(2)}.mjs`);
  const remove = () => rmSync(outfile, { force: true });
  process.on("exit", remove);
  try {
    return await use(await bundle({ ...options, outfile }));
  } finally {
    process.off("exit", remove);
    remove();
  }
}
