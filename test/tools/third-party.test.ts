// THIRD-PARTY.md says what package-lock.json does, and every package that goes along states its licence.
import { execFileSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closure } from "../../tools/third-party.mjs";

const test = suite("third-party software");

test("THIRD-PARTY.md is as package-lock.json has it", () => {
  execFileSync(process.execPath, ["tools/third-party.mjs", "--check"], { stdio: "pipe" });
});

const packages = {
  "node_modules/a": { version: "1.0.0", license: "MIT", dependencies: { b: "^1" }, optionalDependencies: { c: "^1" } },
  "node_modules/b": { version: "2.0.0", license: "ISC" },
  "node_modules/a/node_modules/b": { version: "1.0.0", license: "0BSD", dependencies: { c: "^1" } },
  "node_modules/c": { version: "1.0.0" },
};

test("each package is the one that npm finds from where it is needed", () => {
  const without = { ...packages, "node_modules/a/node_modules/b": { version: "1.0.0", license: "0BSD" } };
  assert.equal(closure(without, ["a"]), [
    { name: "a", version: "1.0.0", license: "MIT" },
    { name: "b", version: "1.0.0", license: "0BSD" },
  ]);
});

test("a package that states no licence is refused", () => {
  assert.throws(() => closure(packages, ["a"]), /c 1\.0\.0 states no licence/);
  assert.throws(() => closure(packages, ["c"], { optional: true }), /c 1\.0\.0 states no licence/);
});

test.run();
