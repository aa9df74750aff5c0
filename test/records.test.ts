// The comparison of recorded bits sees what it should.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, recordOf } from "./helpers/records.ts";

const test = suite("records");

test("equal bits do not differ, NaN and -0 included", () => {
  const values = Float32Array.of(1.5, NaN, -0, Infinity);
  assert.is(difference(recordOf("x", values), recordOf("x", values.slice())), undefined);
});

test("one bit is a difference, told with its place and both values", () => {
  assert.is(
    difference(recordOf("x", Float32Array.of(1, 2)), recordOf("x", Float32Array.of(1, 2.0000002384185791))),
    "1 of 2 values differ, the first at 1: 2 against 2.000000238418579",
  );
  assert.match(
    difference(recordOf("x", Float32Array.of(0)), recordOf("x", Float32Array.of(-0)))!,
    /^1 of 1 values differ/,
  );
});

test("other lengths, other types and a missing side differ", () => {
  const one = recordOf("x", Float32Array.of(1));
  assert.match(difference(one, recordOf("x", Float32Array.of(1, 2)))!, /4 bytes against Float32Array of 8/);
  assert.match(
    difference(one, recordOf("x", Uint32Array.of(0x3f800000)))!,
    /Float32Array of 4 bytes against Uint32Array/,
  );
  assert.is(difference(one, undefined), "only one side recorded it");
  assert.is(difference(undefined, one), "only one side recorded it");
});

test("a view records its own bytes only", () => {
  assert.is(recordOf("x", new Uint8Array([9, 8, 7, 6]).subarray(1, 3)).hex, "0807");
});

test.run();
