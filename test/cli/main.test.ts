// The command's help, its mistakes and their exit codes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { CommandError } from "../../node/errors.ts";
import { exitOf } from "../../cli/exit.ts";
import { PackageMissingError } from "../../errors/package-missing.ts";
import { GpuUnavailableError } from "../../engine/errors.ts";
import { NumericalError, OutOfMemoryError, ShapeError } from "../../engine/errors.ts";
import { cmedl } from "./command.ts";

const test = suite("main");
const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

test("--help names every command, exit codes and examples, on stdout", async () => {
  const { exitCode, stdout, stderr } = await cmedl(["--help"]);
  assert.is(exitCode, 0);
  assert.is(stderr, "");
  for (const part of ["doctor", "Examples:", "Exit codes:", "CMEDL_DEVICE"]) assert.ok(stdout.includes(part), part);
});

test("--version prints the package's", async () => {
  assert.is((await cmedl(["--version"])).stdout, `${manifest.version}\n`);
});

test("a command's help shows its options and examples", async () => {
  for (const args of [
    ["doctor", "--help"],
    ["help", "doctor"],
  ]) {
    const { exitCode, stdout } = await cmedl(args);
    assert.is(exitCode, 0);
    assert.ok(stdout.includes("--json") && stdout.includes("Examples:"), stdout);
  }
});

test("an unknown command or option exits 2 with one line on stderr that guesses what was meant", async () => {
  const command = await cmedl(["doktor"]);
  assert.equal(command, {
    exitCode: 2,
    stdout: "",
    stderr: "cmedl: unknown command 'doktor'; did you mean doctor? (see `cmedl --help`)\n",
  });
  const option = await cmedl(["doctor", "--jsno"]);
  assert.equal(option, {
    exitCode: 2,
    stdout: "",
    stderr: "cmedl: unknown option '--jsno'; did you mean --json? (see `cmedl doctor --help`)\n",
  });
});

test("no command at all shows the help on stderr and exits 2", async () => {
  const { exitCode, stdout, stderr } = await cmedl([]);
  assert.is(exitCode, 2);
  assert.is(stdout, "");
  assert.ok(stderr.startsWith("Usage: cmedl"), stderr);
});

test("an error's kind decides the exit code, and its message is the sentence", () => {
  const cases: [unknown, number, RegExp][] = [
    [new CommandError("usage", "give a folder"), 2, /^give a folder$/],
    [new CommandError("data", "no images"), 3, /^no images$/],
    [Object.assign(new Error("bad header"), { code: "data" }), 3, /^bad header$/],
    [new GpuUnavailableError("none", []), 4, /^none$/],
    [new PackageMissingError("a page", ["linkedom"]), 1, /^a page needs what is not installed: npm install linkedom$/],
    [new OutOfMemoryError("too large"), 5, /^too large$/],
    [new NumericalError("Lcyc is NaN"), 6, /^Lcyc is NaN$/],
    [new CommandError("interrupted", "stopped after step 3"), 130, /step 3/],
    [new DOMException("gone", "AbortError"), 130, /^interrupted$/],
    [new ShapeError("add", "1 against 2"), 1, /^unexpected error: add: 1 against 2 \(CMEDL_DEBUG=1/],
    [new TypeError("x is undefined"), 1, /^unexpected error: x is undefined/],
    ["a string", 1, /^unexpected error: a string/],
    [undefined, 1, /^unexpected error: undefined/],
  ];
  for (const [error, code, sentence] of cases) {
    const exit = exitOf(error);
    assert.is(exit.exitCode, code, String(error));
    assert.match(exit.sentence, sentence);
  }
});

test("a file that cannot be read is named, with the reason, and exits 7", () => {
  try {
    readFileSync("no/such/file");
    assert.unreachable();
  } catch (error) {
    assert.equal(exitOf(error), { exitCode: 7, sentence: "no/such/file: there is no such file or folder" });
  }
});

test("commander's own mistakes are usage, its help and version are not errors", () => {
  const program = new Command("x")
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeOut: () => {}, writeErr: () => {} })
    .requiredOption("--out <dir>")
    .version("1");
  const caught = (args: string[]): unknown => {
    try {
      program.parse(args, { from: "user" });
      return undefined;
    } catch (error) {
      return error;
    }
  };
  assert.ok(caught([]) instanceof CommanderError);
  assert.equal(exitOf(caught([])), { exitCode: 2, sentence: "required option '--out <dir>' not specified" });
  assert.equal(exitOf(caught(["--version"])), { exitCode: 0, sentence: "" });
});

test.run();
