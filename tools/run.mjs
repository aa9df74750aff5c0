// node tools/run.mjs FILE.ts [arguments]: bundles one TypeScript file and runs it.
import { pathToFileURL } from "node:url";
import { withBundle } from "./bundle.mjs";

const [entry, ...args] = process.argv.slice(2);
if (!entry) {
  console.error("usage: node tools/run.mjs FILE.ts [arguments]");
  process.exit(2);
}
process.argv = [process.argv[0], entry, ...args];
process.setSourceMapsEnabled(true);
await withBundle({ entry }, (file) => import(pathToFileURL(file).href));
