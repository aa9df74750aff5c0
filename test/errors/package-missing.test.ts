// A package that is not there is told from an import that failed otherwise, wherever the import ran.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as data from "../../data/index.ts";
import { PackageMissingError, importFailure } from "../../errors/package-missing.ts";
import * as node from "../../node/index.ts";

const test = suite("missing packages");

const failure = (error: unknown): unknown => importFailure(error, "writing DICOM", ["dcmjs", "linkedom"]);
const withCode = (code: string): Error => Object.assign(new Error("Cannot find it"), { code });

for (const [where, error] of [
  ["Node", withCode("ERR_MODULE_NOT_FOUND")],
  ["a bundle with require", withCode("MODULE_NOT_FOUND")],
  ["Chromium", new TypeError("Failed to resolve module specifier 'dcmjs'")],
  [
    "Firefox",
    new TypeError("The specifier “dcmjs” was a bare specifier, but was not remapped to anything. Relative …"),
  ],
  ["Safari", new TypeError("Module name, 'dcmjs' does not resolve to a valid URL.")],
  ["Vite", new Error('Could not resolve "dcmjs" imported by "cmedl". Is it installed?')],
] as const) {
  test(`what ${where} does not find is named, with its cause`, () => {
    const found = failure(error) as PackageMissingError;
    assert.instance(found, PackageMissingError);
    assert.is(found.code, "package-missing");
    assert.is(found.message, "writing DICOM needs what is not installed: npm install dcmjs linkedom");
    assert.equal(found.packages, ["dcmjs", "linkedom"]);
    assert.is(found.cause, error);
  });
}

test("another failure stays as it is", () => {
  for (const error of [
    new TypeError("x is not a function"),
    new TypeError("Failed to fetch dynamically imported module: http://127.0.0.1/dcmjs.js"),
    withCode("ERR_DLOPEN_FAILED"),
    undefined,
    "text",
  ])
    assert.is(failure(error), error);
});

test("the class is exported where it is thrown", () => {
  for (const room of [data, node]) assert.is(room.PackageMissingError, PackageMissingError);
});

test.run();
