// WGSL without what only readers need: comments but for the marks of hooks, indentation, spaces around punctuation.
// Statements stay on lines of their own: a hook is a line, and an error of a compiler names one.
import { readFile } from "node:fs/promises";

/** Signs beside which a space says nothing, whatever stands on its other side. */
const SIGNS = /\s*([{}()[\],;:=?])\s*/g;
/** Operators between two operands: `a - -b` keeps what tells the two signs apart. */
const BETWEEN = /(?<=[\w)\]])\s+([-+*/%<>&|^!]+=?)\s+(?=[\w(])/g;

/** Lines that lose comments alone: the host finds a binding by its whole line. */
const KEPT = /^(\/\/ hook$|@group)/;

export const minifyWgsl = (text) =>
  text
    .split("\n")
    .map((line) => (/^\/\/ hook\b/.test(line) ? "// hook" : line.replace(/\/\/.*$/, "").trim()))
    .filter((line) => line !== "")
    .map((line) => (KEPT.test(line) ? line : line.replace(BETWEEN, "$1").replace(SIGNS, "$1")))
    .join("\n")
    .replace(/(?<!\/\/ hook)\n(?=\})/g, "")
    .concat("\n");

/** Plugin of esbuild: kernels come into what is packed as texts, minified. */
export const packedWgsl = {
  name: "packed WGSL",
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, async ({ path }) => ({
      contents: minifyWgsl(await readFile(path, "utf8")),
      loader: "text",
    }));
  },
};
