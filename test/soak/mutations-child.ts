// Reads mutated files of one format, and tells in a file which one is read: a process that hangs or crashes says no
// more.
//
//   node mutations-child.mjs FORMAT FROM TO SEED SECONDS FILE
import { openSync, writeSync } from "node:fs";
import { readMutated } from "./mutate.ts";
import { mutatedFormats } from "./mutated-files.ts";
import { Random } from "./soak.ts";

const [name, ...rest] = process.argv.slice(2);
const [from, to, seed, seconds] = rest.map(Number) as [number, number, number, number];
const end = performance.now() + 1000 * seconds;
const at = new Uint32Array(1);
const file = openSync(rest.at(-1)!, "w");
const format = (await mutatedFormats()).find((f) => f.name === name)!;
const outcome = await readMutated(format, {
  from,
  to,
  draw: new Random(seed),
  onTry: (n) => {
    at[0] = n;
    writeSync(file, at, 0, 4, 0);
  },
  goesOn: () => performance.now() < end,
});
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
