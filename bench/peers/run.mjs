// node bench/peers/run.mjs ENGINE: bundles the child with the engines from bench/peers/node_modules and runs it.
// Their builds for Node lack gradients or do not load, so those for browsers are bundled.
import { pathToFileURL } from "node:url";
import { withBundle } from "../../tools/bundle.mjs";

await withBundle({ entry: "bench/peers/child.ts", everything: true }, (file) => import(pathToFileURL(file).href));
