// What of a module its entry points never come to, by the names that declarations use.
import {
  type Declaration,
  closing,
  declarationsOf,
  identifiersOf,
  parametersOf,
  withoutComments,
} from "../wgsl/declarations.ts";
import { type Finding, type WgslFile, findingAt } from "./finding.ts";

/** Whether the host may replace it, as a hook, or rewrites it, as a seam. */
const hooksOf = (source: string): ReadonlySet<string> =>
  new Set([...source.matchAll(/^\/\/ hook[^\n]*\nfn (\w+)\(/gm)].map(([, name = ""]) => name));

/** The declarations that an entry point uses, itself or by others. */
function reachedOf(declarations: readonly Declaration[]): ReadonlySet<Declaration> {
  const byName = new Map(declarations.map((d) => [d.name, d]));
  const reached = new Set<Declaration>();
  const visit = (d: Declaration): void => {
    if (reached.has(d)) return;
    reached.add(d);
    for (const name of identifiersOf(d.code)) {
      const used = byName.get(name);
      if (used) visit(used);
    }
  };
  for (const d of declarations) if (d.kind === "fn" && /@compute\b/.test(d.code)) visit(d);
  return reached;
}

const whatIs = ({ kind, code }: Declaration): { rule: Finding["rule"]; noun: string } | undefined => {
  if (kind === "fn") return { rule: "unused-function", noun: "function" };
  if (kind === "const" || kind === "override") return { rule: "unused-constant", noun: "constant" };
  if (kind !== "var") return undefined;
  return /@binding\b/.test(code)
    ? { rule: "unused-binding", noun: "binding" }
    : { rule: "unused-constant", noun: "variable" };
};

/**
 * Bindings, functions, constants, fields of Params and parameters that nothing uses; calls of dbg that were left in.
 * Kernels of a family share their Params: `family` are the texts of the others, which may read what this one does not.
 */
export function unusedIn(file: WgslFile, family: readonly string[] = []): Finding[] {
  const { source } = file;
  const declarations = declarationsOf(source);
  if (!declarations.some((d) => /@compute\b/.test(d.code)))
    return [findingAt(file, "entry-point", 0, 1, "there is no entry point: a kernel has one function @compute")];
  const reached = reachedOf(declarations);
  const hooks = hooksOf(source);
  const findings: Finding[] = [];
  for (const d of declarations) {
    const what = whatIs(d);
    if (what && !reached.has(d)) {
      const why = hooks.has(d.name) ? "no entry point calls this hook" : "no entry point uses it, itself or by others";
      findings.push(findingAt(file, what.rule, d.at, d.name.length, `${what.noun} \`${d.name}\` is unused: ${why}`));
    }
  }
  const code = withoutComments(source);
  const read = [code, ...family].join("\n");
  for (const d of declarations) {
    if (d.kind === "fn" && !hooks.has(d.name)) findings.push(...unusedParameters(file, d));
    if (d.kind === "struct" && reached.has(d)) findings.push(...unusedFields(file, d, read));
  }
  for (const { index, 0: call } of code.matchAll(/(?<!\w)dbg\s*\(/g))
    findings.push(
      findingAt(file, "left-in", index, call.length - 1, "a call of dbg was left in: only its developer reads it"),
    );
  return findings;
}

function unusedParameters(file: WgslFile, fn: Declaration): Finding[] {
  const body = fn.code.slice(fn.code.indexOf("{", closing(fn.code, fn.code.indexOf(fn.name))));
  const used = new Set(identifiersOf(body));
  const builtins = [...fn.code.matchAll(/@builtin\(\w+\)\s*(\w+)\s*:/g)]
    .filter(([, name = ""]) => !used.has(name))
    .map((m) => ({ name: m[1]!, at: fn.from + m.index - blanksOf(fn) + m[0].lastIndexOf(m[1]!) }));
  return [...parametersOf(fn).filter(({ name }) => !used.has(name)), ...builtins].map(({ name, at }) =>
    findingAt(
      file,
      "unused-parameter",
      at,
      name.length,
      `parameter \`${name}\` of \`${fn.name}\` is unused: leave it out`,
    ),
  );
}

const blanksOf = ({ code }: Declaration): number => code.length - code.trimStart().length;

/** Fields of the uniform that nothing reads. */
function unusedFields(file: WgslFile, struct: Declaration, read: string): Finding[] {
  if (struct.name !== "Params") return [];
  const start = struct.from - blanksOf(struct);
  return [...struct.code.matchAll(/(?<=[{,]\s*)(\w+)\s*:/g)]
    .map((m) => ({ name: m[1]!, at: start + m.index }))
    .filter(({ name }) => !new RegExp(`\\.\\s*${name}\\b`).test(read))
    .map(({ name, at }) =>
      findingAt(
        file,
        "unused-parameter",
        at,
        name.length,
        `field \`${name}\` of Params is unused: leave it out, the host then no longer packs it`,
      ),
    );
}
