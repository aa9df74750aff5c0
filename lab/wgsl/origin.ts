// Where a line of an assembled module comes from: a line of the kernel's own file, a hook that was fused into it, or
// what the hooks need, behind its end.

export type Origin =
  | { readonly kind: "file"; readonly line: number }
  /** `line` is that of the hook in the file. */
  | { readonly kind: "hook"; readonly hook: string; readonly line: number }
  | { readonly kind: "appended" };

/** What stays of a line when its seam is rewritten. */
const keyOf = (line: string): string =>
  /^(?:const \w+|alias \w+|@group\(\d+\) @binding\(\d+\))/.exec(line)?.[0] ?? line;

/** The origin of each line of `assembled`, from 1, which was made of the kernel's `source` by its seams alone. */
export function originsOf(source: string, assembled: string): (line: number) => Origin {
  const from = source.split("\n");
  const to = assembled.split("\n");
  const origins: Origin[] = [];
  let at = to.indexOf(from[0]!);
  for (let i = 0; i < Math.max(at, 0); i++) origins.push({ kind: "appended" });
  at = Math.max(at, 0);
  for (let line = 1; line <= from.length && at < to.length; line++) {
    const hook = /^\/\/ hook/.test(from[line - 2] ?? "") ? /^fn (\w+)\(/.exec(from[line - 1]!)?.[1] : undefined;
    if (hook === undefined || to[at] === from[line - 1]) {
      origins[at++] = { kind: "file", line };
      continue;
    }
    // A hook that was replaced goes on until the file does.
    const next = keyOf(from[line] ?? "");
    do origins[at++] = { kind: "hook", hook, line };
    while (at < to.length && keyOf(to[at]!) !== next);
  }
  return (line) => origins[line - 1] ?? { kind: "appended" };
}
