// What a bundler's minifier may not change: the names of errors.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "esbuild";
import type { CmedlError } from "../../errors/cmedl-error.ts";

const test = suite("a minified bundle");

test("errors have the names of their classes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-minified-"));
  try {
    const outfile = join(folder, "all.mjs");
    const entries = ["engine", "models", "train", "data"].map((e) => `export * as ${e} from "./${e}/index.ts";`);
    await build({
      stdin: { contents: entries.join("\n"), resolveDir: process.cwd(), loader: "ts" },
      outfile,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "es2022",
      loader: { ".wgsl": "text" },
      logLevel: "silent",
    });
    const parts = Object.values(await import(pathToFileURL(outfile).href)) as Record<string, unknown>[];
    const classes = parts.flatMap((part) => Object.entries(part)).filter(([name]) => /Error$/.test(name));
    assert.ok(classes.length > 12, "the bundle has few errors");
    for (const [name, value] of classes) {
      const Class = value as new (...args: readonly unknown[]) => CmedlError;
      const second = name === "PackageMissingError" ? ["b"] : { budget: 1, reached: 2, whole: 2 };
      const error = new Class(name === "ConfigError" ? [] : "a", second, "c", "d");
      assert.is(error.name, name);
      assert.is(typeof error.code, "string");
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.run();
