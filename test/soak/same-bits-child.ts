// Prints the digests of same-bits.ts as this process's driver computes them: node same-bits-child.mjs RUNS SECONDS
import { testInNode } from "../helpers/node.ts";
import { digests } from "./same-bits.ts";
import { Budget } from "./soak.ts";

testInNode();
const [runs, seconds] = process.argv.slice(2).map(Number) as [number, number];
const all = await digests(new Budget(seconds), runs);
process.stdout.write(`${JSON.stringify(all)}\n`, () => process.exit(0));
