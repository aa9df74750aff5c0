// Every deliberate error is a CmedlError, and goes from thread to thread as plain data.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as data from "../../data/index.ts";
import * as engine from "../../engine/index.ts";
import * as models from "../../models/index.ts";
import * as train from "../../train/index.ts";
import { CmedlError, DeviceLostError, MemoryBudgetError, ShapeError } from "../../engine/index.ts";

const test = suite("errors");

const isErrorClass = (value: unknown): boolean => typeof value === "function" && value.prototype instanceof CmedlError;
const throughClone = (error: CmedlError): CmedlError => CmedlError.from(structuredClone(error.toJSON()));

test("one class holds every error of every entry", () => {
  for (const entry of [engine, models, train, data]) {
    for (const [name, value] of Object.entries(entry)) {
      if (/Error$/.test(name)) assert.ok(value === CmedlError || isErrorClass(value), name);
    }
  }
  assert.is(data.CmedlError, CmedlError);
});

test("name, code, message and details go through structuredClone", () => {
  const budget = throughClone(new MemoryBudgetError("step", { budget: 1e6, reached: 2e6, whole: 3e6 }));
  assert.instance(budget, CmedlError);
  assert.instance(budget, Error);
  assert.is(budget.name, "MemoryBudgetError");
  assert.is(budget.code, "memory-budget");
  assert.match(budget.message, /^step needs 2000 kB/);
  assert.equal((budget as unknown as MemoryBudgetError).bytes, { budget: 1e6, reached: 2e6, whole: 3e6 });
  const file = throughClone(new data.DataError("a.nii", "dim", "is 0", "give it a size"));
  assert.is(`${file}`, "DataError: a.nii: dim: is 0; give it a size");
  assert.is((file as data.DataError).mend, "give it a size");
});

test("a cause keeps its name, message and code", () => {
  const cause = new DeviceLostError("gone");
  const { cause: kept } = throughClone(new CmedlError("corrupt", "cut off", { cause }));
  assert.equal(kept, { name: "DeviceLostError", code: "device-lost", message: "gone" });
  const { cause: text } = throughClone(new CmedlError("corrupt", "cut off", { cause: () => 1 }));
  assert.is(text, "() => 1");
});

test("JSON keeps what a clone keeps", () => {
  const error = new ShapeError("conv2d", "x is [2]");
  assert.equal(CmedlError.from(JSON.parse(JSON.stringify(error))).toJSON(), error.toJSON());
});

test("from gives a CmedlError as it is, and makes one of anything else", () => {
  const error = new ShapeError("conv2d", "x is [2]");
  assert.is(CmedlError.from(error), error);
  const ofNode = Object.assign(new Error("no file"), { code: "ENOENT" });
  for (const other of [new TypeError("no function"), ofNode, "no function", undefined, null, 7, { message: "m" }]) {
    const made = CmedlError.from(other);
    assert.is(made.code, "unexpected");
    assert.is(made.cause, other);
  }
  assert.is(CmedlError.from(new TypeError("no function")).message, "no function");
});

test("data that names a method of errors replaces none", () => {
  const hostile = JSON.parse('{"name":"X","code":"x","message":"m","toJSON":1,"__proto__":{"code":"y"},"stack":"s"}');
  const error = CmedlError.from(hostile);
  assert.is(error.code, "x");
  assert.instance(error, CmedlError);
  assert.type(error.toJSON, "function");
});

test.run();
