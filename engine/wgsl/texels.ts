// The text of a module that reads copies in storage textures instead of buffers.
import { TEXELS_IN_ROW } from "../../kernels/texels.ts";

const TEXEL_AT = `fn texelAt(i : u32) -> vec2<u32> { return vec2<u32>(i % ${TEXELS_IN_ROW}u, i / ${TEXELS_IN_ROW}u); }`;

/** Whether a module does nothing with an array but read elements of it, each within a line. */
export function canReadTexels(wgsl: string, name: string): boolean {
  const uses = new RegExp(`(?<!\\.)\\b${name}\\b(?!\\s*:)(\\[)?`, "g");
  return wgsl
    .split("\n")
    .map((line) => line.replace(/\/\/.*/, ""))
    .every((code) =>
      [...code.matchAll(uses)].every(
        (use) => use[1] !== undefined && closingBracket(code, use.index + use[0].length) !== undefined,
      ),
    );
}

/** A module in which the elements of these arrays, `name[i]`, are texels. Lines stay where they are. */
export function readTexels(wgsl: string, names: readonly string[]): string {
  if (names.length === 0) return wgsl;
  const start = new RegExp(`(?<!\\.)\\b(${names.join("|")})\\[`, "g");
  const lines = wgsl.split("\n").map((line) => inCode(line, (code) => readsOfLine(code, start)));
  return [...lines, TEXEL_AT].join("\n");
}

/** A line whose code, without the comment behind it, is changed. */
function inCode(line: string, change: (code: string) => string): string {
  const end = line.indexOf("//");
  return end < 0 ? change(line) : change(line.slice(0, end)) + line.slice(end);
}

function readsOfLine(line: string, start: RegExp): string {
  let text = "";
  let from = 0;
  for (const match of line.matchAll(start)) {
    if (match.index < from) continue; // within the index of another
    const open = match.index + match[0].length;
    const close = closingBracket(line, open)!;
    const index = readsOfLine(line.slice(open, close), start);
    text += `${line.slice(from, match.index)}textureLoad(${match[1]}, texelAt(u32(${index})))`;
    from = close + 1;
  }
  return text + line.slice(from);
}

/** Where the bracket closes that was opened just before `from`; undefined if not in this line. */
function closingBracket(line: string, from: number): number | undefined {
  let depth = 1;
  for (let i = from; i < line.length; i++) {
    if (line[i] === "[") depth++;
    else if (line[i] === "]" && --depth === 0) return i;
  }
  return undefined;
}
