// The declarations of what package.json exports, each beside its module in dist/.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { promisify } from "node:util";
import { root } from "./bundle.mjs";
import { entries } from "./exports.mjs";

/**
 * Writes them into `dist`. `packed` tells the path below dist/ of what is packed of a package, and nothing of others.
 * Throws where the sources have errors of types.
 */
export async function writeDeclarations(dist, packed) {
  const opaque = new Map();
  const sources = entries().map(({ source }) => source);
  const entryNames = new Set(sources.map((source) => source.replace(/\.ts$/, "")));
  for (const [name, text] of await emitted(sources)) {
    await mkdir(dirname(join(dist, name)), { recursive: true });
    // A consumer's library may have no Disposable. WebGPU came to TypeScript's own with 6.0: before, the types that
    // package.json names lead the compiler to those of a package, which later ones would find twice.
    if (entryNames.has(name))
      await writeFile(
        join(dist, `${name}.with-webgpu.d.ts`),
        '/// <reference types="@webgpu/types" />\nexport * from "./index.js";\n',
      );
    const head = entryNames.has(name) ? '/// <reference lib="esnext.disposable" />\n' : "";
    const ours = text.replaceAll(/(from |import\()"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"');
    const own = ours.replaceAll(/\{([^{}]*)\} from "([^."][^"]*)"/g, (statement, names, from) => {
      const file = packed(from);
      if (!file) return statement;
      opaque.set(file, new Set([...(opaque.get(file) ?? []), ...names.match(/\b(?!type\b)\w+/g)]));
      return `{${names}} from "${posix.relative(posix.dirname(name), file)}"`;
    });
    await writeFile(join(dist, `${name}.d.ts`), head + own);
  }
  // What a declaration names of a packed package is internal: users see that there is such a type.
  for (const [file, names] of opaque) {
    const types = [...names].map((name) => `export interface ${name} {\n  [member: string]: any;\n}\n`);
    await writeFile(join(dist, file.replace(/\.js$/, ".d.ts")), types.join(""));
  }
}

/** What the compiler declares of `sources` and of what they import: text by path from the root, without its ending. */
async function emitted(sources) {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-types-"));
  try {
    const project = join(folder, "tsconfig.json");
    const compilerOptions = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: root,
      outDir: join(folder, "out"),
      typeRoots: [join(root, "node_modules/@types")],
      types: [join(root, "node_modules/@webgpu/types"), "node"],
    };
    const files = [...sources, "kernels/wgsl.d.ts"].map((file) => join(root, file));
    const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: [], files };
    await writeFile(project, JSON.stringify(config));
    // The compiler that is fast; the others read what it writes (test/package).
    await promisify(execFile)(process.execPath, [join(root, "node_modules/typescript-7/bin/tsc"), "-p", project]).catch(
      ({ stdout, stderr, message }) => Promise.reject(new Error(`no declarations: ${stdout || stderr || message}`)),
    );
    const found = (await readdir(join(folder, "out"), { recursive: true }))
      .map((file) => file.replaceAll("\\", "/"))
      .filter((file) => file.endsWith(".d.ts"));
    return await Promise.all(
      found.map(async (file) => [file.replace(/\.d\.ts$/, ""), await readFile(join(folder, "out", file), "utf8")]),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
