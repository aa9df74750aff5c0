// npm run conformance -- DIR [op or id part …] [--device NAME] [--f16] [--bounds] [--perturb] [--markdown]: drives a
// conformance suite through the engine, forward and gradients, and says which ops are wrong, where and by how much;
// with --bounds also which kernels' indices leave their tensors.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Device } from "../../engine/index.ts";
import { environment } from "../helpers/environment.ts";
import { roomyDevice } from "../helpers/out-of-range.ts";
import { testInNode } from "../helpers/node.ts";
import { closing, runSuite } from "./run.ts";
import { Suite } from "./suite.ts";
import { markdownTable, table } from "./table.ts";

testInNode();
const args = process.argv.slice(2);
const flag = (name: string): boolean => args.includes(name) && args.splice(args.indexOf(name), 1).length > 0;
const option = (name: string): string | undefined =>
  args.includes(name) ? args.splice(args.indexOf(name), 2)[1] : undefined;
const name = option("--device");
if (name) process.env.CMEDL_DEVICE = name;
const half = flag("--f16");
const bounds = flag("--bounds");
const perturb = flag("--perturb");
const markdown = flag("--markdown");
const [folder, ...only] = args;
if (!folder || args.some((a) => a.startsWith("--"))) {
  console.error(
    "usage: npm run conformance -- DIR [op or id part …] [--device NAME] [--f16] [--bounds] [--perturb] [--markdown]",
  );
  process.exit(2);
}
let suite: Suite;
try {
  suite = await Suite.load((path) => readFile(join(folder, path)));
} catch (error) {
  console.error(`cannot read the suite in ${folder}: ${error instanceof Error ? error.message : error}`);
  process.exit(2);
}
const { gpu, adapter } = await environment().gpu();
console.log(
  `${suite.cases.length} cases, on ${adapter.info.description || adapter.info.device}${environment().traits?.cpu === false ? ", as on a GPU" : ""}${half ? ", floats stored in f16" : ""}${perturb ? ", all results perturbed by 1 %" : ""}`,
);
const start = performance.now();
const { traits } = environment();
const open = async (): Promise<Device> => (bounds ? (await roomyDevice(traits)).device : Device.open(gpu, { traits }));
const report = await runSuite(suite, open, {
  only,
  half,
  bounds,
  perturb,
  print: console.log,
});
console.log(markdown ? markdownTable(report) : table(report));
console.log(`${((performance.now() - start) / 1000).toFixed(0)} s`);
for (const [reason, n] of report.reasons) console.log(`${n} skipped: ${reason}`);
console.log(closing(report));
process.exit(report.failed > 0 || report.passed + report.skipped === 0 ? 1 : 0);
