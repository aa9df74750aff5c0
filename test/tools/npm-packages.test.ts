// What is packed of npm packages, and their licences with it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importedNames, licence } from "../../tools/npm-packages.mjs";

const test = suite("packed packages");

let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "cmedl-licences-"));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** A package with these files beside its manifest, each holding its own name. */
function packageWith(...files: string[]): string {
  const of = mkdtempSync(join(folder, "package-"));
  writeFileSync(join(of, "package.json"), JSON.stringify({ name: "a", version: "1.2.3", license: "MIT" }));
  for (const file of files) writeFileSync(join(of, file), `text of ${file}\n`);
  return of;
}

test("a licence is found under every name that packages give it", () => {
  for (const file of ["LICENSE", "license.md", "LICENCE.txt", "LICENSE-MIT.txt", "LICENSE-APACHE"])
    assert.is(licence(packageWith("index.js", file)), `a 1.2.3\n\ntext of ${file}\n`);
  assert.is(
    licence(packageWith("LICENSE-MIT", "LICENSE-APACHE")),
    "a 1.2.3\n\ntext of LICENSE-APACHE\n\ntext of LICENSE-MIT\n",
  );
});

test("a package without a licence file is not packed, whatever its manifest says", () => {
  const bare = packageWith("index.js", "licenses-of-others.js");
  assert.throws(
    () => licence(bare),
    (error: Error) => error.message === `${bare} has no licence file: a can't be packed`,
  );
});

test("names are imported at a module's head or loaded by name; what a text says of imports is none", () => {
  const from = (name: string): string => `from ${JSON.stringify(name)};`;
  const text = [
    "// What it does.",
    `import whole, { part, type Kind } ${from("packed")}`,
    "import {",
    "  other,",
    `} ${from("@scope/packed")}`,
    `import type { Only } ${from("types")}`,
    "const written = `",
    `import { suite } ${from("uvu")}`,
    "`;",
    `const { late } = await import(${JSON.stringify("lazy")});`,
  ].join("\n");
  assert.equal(importedNames(text), [
    { from: "packed", names: ["default", "part"] },
    { from: "@scope/packed", names: ["other"] },
    { from: "lazy", names: ["late"] },
  ]);
});

test.run();
