// docs/errors.md has each error code of the sources, with its class and its exit code, and no other.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOMS } from "../../tools/rooms.mjs";
import { exitCodes } from "../../cli/exit.ts";

const test = suite("docs/errors.md");

interface Row {
  readonly code: string;
  readonly class: string;
}

/** Every code in the sources with its class: the first argument of `super`, or what the constructor takes as `code`. */
function codesOfSources(): Row[] {
  return ROOMS.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((name) => `${folder}/${name}`)
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => codesOf(readFileSync(file, "utf8"))),
  );
}

function codesOf(text: string): Row[] {
  return text
    .split(/^export (?=class )/m)
    .slice(1)
    .flatMap((declared) => {
      const [, name = "", parent = ""] = /^class (\w+) extends (\w*Error)\b/.exec(declared) ?? [];
      if (name === "" || name === "CmedlError") return [];
      if (parent !== "CmedlError") throw new Error(`${name} is no CmedlError`);
      const body = declared.slice(0, declared.indexOf("\n}\n"));
      const given = (/super\(\s*("[\w-]+")/.exec(body) ?? /\bcode: ([^;,]+)/.exec(body))?.[1];
      if (given === undefined) throw new Error(`${name} has no code that this test can read`);
      return [...given.matchAll(/"([\w-]+)"/g)].map(([, code = ""]) => ({ code, class: name }));
    });
}

const cells = readFileSync("docs/errors.md", "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

const said = (rows: readonly Row[]): string[] => rows.map((row) => `${row.code} ${row.class}`).sort();

test("each code stands there with its class, and no other", () => {
  const documented = cells.flatMap(([, code = "", classes = ""]) =>
    classes.split(",").map((name) => ({ code: code.replaceAll("`", ""), class: name.trim().replaceAll("`", "") })),
  );
  assert.equal(said(documented), said(codesOfSources()));
});

test("exit codes are those of the command", () => {
  for (const [, code = "", , , , exit] of cells)
    assert.is(Number(exit), exitCodes[code.replaceAll("`", "")] ?? 1, `${code} leaves with another exit code`);
});

test("causes and mends are given", () => {
  for (const [, code, , cause, mend] of cells) assert.ok(cause && mend, `${code} lacks a cause or a mend`);
});

test.run();
