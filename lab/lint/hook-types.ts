// What is fused into a hook is written in the kernel's own types: F, and with it I, U and B of as many lanes.
import { declarationsOf } from "../wgsl/declarations.ts";
import { type Finding, type WgslFile, findingAt } from "./finding.ts";

const BESIDE_F = { I: "i32", U: "u32", B: "bool" } as const;

/** A hook that takes F in a file that lacks one of the others: it compiles, until an op that needs it is fused. */
export function hookTypes(file: WgslFile): Finding[] {
  const { source } = file;
  const lanes = /^alias F\s*=\s*(?:vec4<)?/m.exec(source)?.[0];
  const hook = /^\/\/ hook[^\n]*\nfn (\w+)\([^\n]*:\s*F\b/m.exec(source);
  if (!lanes || !hook) return [];
  const declared = new Set(declarationsOf(source).map(({ name }) => name));
  const missing = Object.entries(BESIDE_F).filter(([name]) => !declared.has(name));
  if (missing.length === 0) return [];
  const typed = (type: string): string => (lanes.endsWith("<") ? `vec4<${type}>` : type);
  const lines = missing.map(([name, type]) => `alias ${name} = ${typed(type)};`).join(" ");
  const [text, name = ""] = hook;
  const at = hook.index + text.lastIndexOf(`fn ${name}(`) + 3;
  return [findingAt(file, "hook-types", at, name.length, `what is fused into \`${name}\` may need ${lines} beside F`)];
}
