// Elements of arrays in a module's text, `name[index]`: whether an array is used by them alone, and others in their place.

/**
 * Whether a module uses an array by nothing but elements of it, each within a line. A function may have something else of
 * its name, if it takes no element of that.
 */
export function hasOnlyElements(wgsl: string, name: string): boolean {
  const uses = new RegExp(`(?<!\\.)\\b${name}\\b(?!\\s*:)(\\[)?`, "g");
  const hides = new RegExp(`\\b(let|var|const)\\s+${name}\\b|[(,]\\s*${name}\\s*:`);
  return wgsl.split(/^(?=fn )/m).every((part) => {
    const lines = part.split("\n").map((line) => line.replace(/\/\/.*/, ""));
    const hidden = lines.some((code) => hides.test(code));
    return lines.every((code) =>
      [...code.matchAll(uses)].every((use) =>
        use[1] === undefined
          ? hidden && code[use.index - 1] !== "&"
          : !hidden && closingBracket(code, use.index + use[0].length) !== undefined,
      ),
    );
  });
}

/** A module with what `make` gives in place of the elements of these arrays. Lines stay where they are. */
export function withElements(
  wgsl: string,
  names: readonly string[],
  make: (name: string, index: string) => string,
): string {
  const start = new RegExp(`(?<!\\.)\\b(${names.join("|")})\\[`, "g");
  return wgsl
    .split("\n")
    .map((line) => inCode(line, (code) => elementsOfLine(code, start, make)))
    .join("\n");
}

/** A line whose code, without the comment behind it, is changed. */
function inCode(line: string, change: (code: string) => string): string {
  const end = line.indexOf("//");
  return end < 0 ? change(line) : change(line.slice(0, end)) + line.slice(end);
}

function elementsOfLine(line: string, start: RegExp, make: (name: string, index: string) => string): string {
  let text = "";
  let from = 0;
  for (const match of line.matchAll(start)) {
    if (match.index < from) continue; // within the index of another
    const open = match.index + match[0].length;
    const close = closingBracket(line, open)!;
    text += line.slice(from, match.index) + make(match[1]!, elementsOfLine(line.slice(open, close), start, make));
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
