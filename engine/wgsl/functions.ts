// WGSL functions that expressions call, by name.
import text from "./functions.wgsl";

const bodies = text
  .replace(/^\/\/.*\n/gm, "")
  .split(/^(?=fn )/m)
  .map((body) => body.trim());

export const functions: Readonly<Record<string, string>> = Object.fromEntries(
  bodies.flatMap((body) => {
    const name = /^fn (\w+)\(/.exec(body)?.[1];
    return name === undefined ? [] : [[name, body] as const];
  }),
);
