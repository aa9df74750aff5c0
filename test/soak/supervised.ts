// A child that supervises tiny runs: node supervised.mjs TINY_RUN FOLDER EPOCHS STEPS SAVE_EVERY
import { exitOf } from "../../cli/exit.ts";
import { supervise } from "../../node/run/supervise.ts";

const [file = "", folder = "", ...numbers] = process.argv.slice(2);
const args = [file, folder, ...numbers];
const say = (line: string): boolean => process.stdout.write(`said: ${Date.now()} ${line}\n`);
const { exitCode, sentence } = await supervise({ begin: args, resume: args, path: folder, say }).then(
  (code) => ({ exitCode: code, sentence: "" }),
  (error: unknown) => exitOf(error),
);
if (sentence) process.stderr.write(`${sentence}\n`);
process.stdout.write("", () => process.exit(exitCode));
