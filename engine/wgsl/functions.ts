// WGSL functions that expressions call, by name: for what the built-ins get wrong. They swallow NaN, overflow, or lose
// small arguments. F, I, U and B are aliases for scalars or vec4, so that each function serves both.
import algebra from "./algebra.wgsl";
import angles from "./angles.wgsl";
import bits from "./bits.wgsl";
import errorFunction from "./error-function.wgsl";
import exponentials from "./exponentials.wgsl";

const bodies = (bits + algebra + exponentials + angles + errorFunction)
  .replace(/^\/\/.*\n/gm, "")
  .split(/^(?=fn )/m)
  .map((body) => body.trim())
  .filter((body) => body !== "");

/** "fn NAME(…" by NAME. */
export const functions: Readonly<Record<string, string>> = Object.fromEntries(
  bodies.map((body) => [body.slice("fn ".length, body.indexOf("(")), body]),
);
