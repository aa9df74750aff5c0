// Files that lie, are cut or ask for too much, and what their manifest wants of a reader.
import { basename } from "node:path";
import type { Test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { readShared, testWith } from "./shared-data.ts";

const FOLDER = "conformance/bad";

interface Entry {
  readonly file: string;
  readonly format: string;
  readonly want: "accept" | "reject" | "either";
  readonly what: string;
  readonly max_ms?: number;
  readonly max_mb?: number;
}

export interface HostileOptions {
  readonly formats: readonly string[];
  /** How many files of those formats there are at least. */
  readonly least: number;
  /** The time that a file may take where the manifest gives none. */
  readonly ms: number;
  /** Reads a file by its path below what is at hand. */
  read(path: string): unknown;
  /** What is loaded before time and memory are watched. */
  before?(): Promise<unknown>;
}

/** A test that each hostile file of some formats ends as its manifest wants, within its time and memory. */
export function testHostile(test: Test, { formats, least, ms, read, before }: HostileOptions): void {
  const name = "each hostile file is refused or accepted as its manifest wants, within its time and memory";
  testWith(test, [`${FOLDER}/manifest.json`], name, async () => {
    const text = new TextDecoder().decode(readShared(`${FOLDER}/manifest.json`));
    const entries = (JSON.parse(text) as { files: Entry[] }).files.filter((f) => formats.includes(f.format));
    assert.ok(entries.length >= least);
    await before?.();
    for (const e of entries) {
      const memory = process.memoryUsage().rss;
      const start = performance.now();
      let got: string;
      try {
        await read(`${FOLDER}/${e.file}`);
        got = "accept";
      } catch (error) {
        if (!(error instanceof DataError)) throw new Error(`${e.file}: ${String(error)}`);
        assert.match(error.message, new RegExp(basename(e.file).replaceAll(".", "\\.")));
        got = "reject";
      }
      if (e.want !== "either") assert.is(got, e.want, `${e.file}: ${e.what}`);
      assert.ok(performance.now() - start < (e.max_ms ?? ms), `${e.file} took too long`);
      assert.ok(process.memoryUsage().rss - memory < (e.max_mb ?? 128) * 2 ** 20, `${e.file} took too much memory`);
    }
  });
}
