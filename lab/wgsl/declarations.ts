// The declarations of a WGSL module by a scan of its text: enough to tell what uses what, no parser of expressions.

export interface Declaration {
  readonly kind: "fn" | "var" | "const" | "override" | "alias" | "struct";
  readonly name: string;
  /** Where the name stands in the module's text. */
  readonly at: number;
  /** Where it begins, attributes included. */
  readonly from: number;
  /** Its text, comments blanked. */
  readonly code: string;
}

/** The text with blanks in place of comments: offsets stay. */
export const withoutComments = (wgsl: string): string =>
  wgsl.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "));

/** Identifiers of a text that comments are blanked in, but for names behind a dot: members and swizzles. */
export const identifiersOf = (code: string): string[] =>
  [...code.matchAll(/(?<![.\w@])[A-Za-z_]\w*/g)].map(([name]) => name);

const HEAD =
  /^\s*(?:@\w+\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*)*(fn|var|const|override|alias|struct)\b(?:\s*<[^>]*>)?\s*(\w+)/;

/** What a module declares at its own level, in order. */
export function declarationsOf(wgsl: string): Declaration[] {
  const code = withoutComments(wgsl);
  const found: Declaration[] = [];
  let from = 0;
  let depth = 0;
  for (let i = 0; i < code.length; i++) {
    const c = code[i]!;
    if ("({[".includes(c)) depth++;
    else if (")}]".includes(c)) depth--;
    if (depth > 0 || (c !== ";" && c !== "}")) continue;
    const text = code.slice(from, i + 1);
    const head = HEAD.exec(text);
    if (head) {
      const [whole, kind, name = ""] = head;
      const blanks = text.length - text.trimStart().length;
      found.push({
        kind: kind as Declaration["kind"],
        name,
        at: from + whole.length - name.length,
        from: from + blanks,
        code: text,
      });
    }
    from = i + 1;
  }
  return found;
}

/** Names and places of a function's parameters, but for those that the pipeline gives. */
export function parametersOf({ at, name, code, from }: Declaration): { readonly name: string; readonly at: number }[] {
  const start = at - from + name.length + (code.length - code.trimStart().length);
  const list = code.slice(start, closing(code, start));
  return [...list.matchAll(/(?<=[(,]\s*)([A-Za-z_]\w*)\s*:/g)].map((m) => ({
    name: m[1]!,
    at: at + name.length + m.index,
  }));
}

/** Where the bracket that opens at or behind `start` is closed. */
export function closing(code: string, start: number): number {
  let depth = 0;
  for (let i = start; i < code.length; i++) {
    if ("([{".includes(code[i]!)) depth++;
    else if (")]}".includes(code[i]!) && --depth === 0) return i;
  }
  return code.length;
}

/** Line and column of an offset, both from 1. */
export function positionOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
