#!/usr/bin/env node
// The command behind `npx cmedl`, built into dist/ as it is. It runs cli/main.js where that is beside it: in the package
// @cmedl/cli and in a clone, there from the sources where they are newer. The package cmedl has the library alone: there
// it runs the @cmedl/cli that is installed beside it, or says how the command is got.
import { existsSync } from "node:fs";

const main = new URL("./cli/main.js", import.meta.url);
const ofClone = new URL("../tools/sources.mjs", import.meta.url);
const isRun = existsSync(ofClone) && (await (await import(ofClone.href)).runSources());
try {
  if (!isRun) await import(existsSync(main) ? main.href : "@cmedl/cli");
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || !/'@cmedl\/cli'/.test(error.message)) throw error;
  const plain = /^[\w@%+=:,./-]+$/;
  const words = process.argv.slice(2).map((word) => (plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  const command = ["npx @cmedl/cli", ...words].join(" ");
  process.stderr.write(`cmedl: the package cmedl is the library alone; the command is in another: ${command}\n`);
  process.exitCode = 2;
}
