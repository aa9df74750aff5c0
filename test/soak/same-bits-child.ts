// Prints the digest of same-bits.ts, as this process's driver computes it.
import { testInNode } from "../helpers/node.ts";
import { digests } from "./same-bits.ts";
import { Budget } from "./soak.ts";

testInNode();
const [digest] = await digests(new Budget(0), 1);
process.stdout.write(`${digest}\n`, () => process.exit(0));
