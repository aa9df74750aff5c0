// Paths of layouts: a backslash is a letter of a name.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { basename, join } from "../../data/layouts/paths.ts";

const test = suite("paths");

test("names are joined and told by / alone", () => {
  assert.is(join("/data/set\\", "a.nii"), "/data/set\\/a.nii");
  assert.is(join("set/", "a.nii"), "set/a.nii");
  assert.is(join("", "a.nii"), "a.nii");
  assert.is(basename("set/a\\b.nii"), "a\\b.nii");
  assert.is(basename("set/a/"), "a");
});

test.run();
