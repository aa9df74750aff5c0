// WGSL functions that expressions call: for what the built-ins get wrong. They swallow NaN, overflow, or lose small
// arguments. F, I, U and B are aliases for scalars or vec4, so that each function serves both. Each library holds a
// file and what that calls of others; a page bundles those that its ops name.
import algebraFile from "./algebra.wgsl";
import anglesFile from "./angles.wgsl";
import bitsFile from "./bits.wgsl";
import errorFunctionFile from "./error-function.wgsl";
import exponentialsFile from "./exponentials.wgsl";
import powersFile from "./powers.wgsl";

/** "fn NAME(…" by NAME. */
export type Library = Readonly<Record<string, string>>;

function libraryOf(...files: readonly string[]): Library {
  const bodies = files
    .join("")
    .replace(/^\/\/.*\n/gm, "")
    .split(/^(?=fn )/m)
    .map((body) => body.trim())
    .filter((body) => body !== "");
  return Object.fromEntries(bodies.map((body) => [body.slice("fn ".length, body.indexOf("(")), body]));
}

export const bits = /* @__PURE__ */ libraryOf(bitsFile);
export const algebra = /* @__PURE__ */ libraryOf(bitsFile, algebraFile);
export const exponentials = /* @__PURE__ */ libraryOf(bitsFile, exponentialsFile);
export const powers = /* @__PURE__ */ libraryOf(bitsFile, powersFile, exponentialsFile);
export const angles = /* @__PURE__ */ libraryOf(bitsFile, anglesFile);
export const errorFunctions = /* @__PURE__ */ libraryOf(bitsFile, exponentialsFile, errorFunctionFile);

/** The functions of `library` that a text calls, by name, with those that they call. */
export function functionsIn(text: string, library: Library): Library {
  const found: Record<string, string> = {};
  const add = (calling: string): void => {
    for (const [name, body] of Object.entries(library)) {
      if (name in found || body === calling || !calling.includes(`${name}(`)) continue;
      add(body);
      found[name] = body;
    }
  };
  add(text);
  return found;
}
