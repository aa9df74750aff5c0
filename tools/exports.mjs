// The library's entries, as package.json's "exports" names them: "." and "./models" and so on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./bundle.mjs";

/** Name of each entry ("engine", "models", …), and its TypeScript source, which the path of its types tells. */
export function entries() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.values(exports)
    .filter((entry) => entry.types)
    .map((entry) => ({
      name: /dist\/(.+)\/index\.js$/.exec(entry.default)[1],
      source: entry.types.replace("./dist/", "").replace(/\.d\.ts$/, ".ts"),
    }));
}
