// WGSL that writes a log as it runs: of calls of dbg, and of indices out of range. Lines stay where they are.
import { reflect, resolved } from "../../kernels/kernel.ts";
import { closing, declarationsOf, withoutComments } from "../wgsl/declarations.ts";

/** Words of a record: site, id, workgroup x y z, invocation, four of value. */
export const RECORD_WORDS = 10;
/** Bindings whose lengths the log's head holds. */
export const MOST_LENGTHS = 16;
/** Words ahead of the records: their count, three of padding, the lengths. */
export const HEAD_WORDS = 4 + MOST_LENGTHS;

/** A place that logs. */
export interface LogSite {
  readonly kind: "dbg" | "bounds";
  /** In the module, from 1. */
  readonly line: number;
  /** Of dbg: the type of its value, and the texts of it. Of bounds: the array's name. */
  readonly type: string;
  readonly text: string;
}

/** A call of dbg, as it stands in a module. */
export interface DbgCall {
  readonly line: number;
  readonly id: string;
  readonly value: string;
}

/** The calls of dbg in a module, a line each. */
export function dbgCalls(code: string): DbgCall[] {
  return withoutComments(code)
    .split("\n")
    .flatMap((text, i) => {
      const inner = /^\s*dbg\s*\((.*)\)\s*;\s*$/.exec(text)?.[1];
      if (inner === undefined) return [];
      let depth = 0;
      let comma = -1;
      for (let at = 0; at < inner.length && comma < 0; at++) {
        if ("([<".includes(inner[at]!)) depth++;
        else if (")]>".includes(inner[at]!)) depth--;
        else if (inner[at] === "," && depth === 0) comma = at;
      }
      if (comma < 0) return [];
      return [{ line: i + 1, id: inner.slice(0, comma).trim(), value: inner.slice(comma + 1).trim() }];
    });
}

const SCALARS = ["f32", "i32", "u32", "bool", "f16"] as const;

/** Types that a value of dbg may have, in the order in which they are tried. */
export const dbgTypes = (code: string): string[] => {
  const scalars = SCALARS.filter((s) => s !== "f16" || /^enable f16;/m.test(code));
  return [...scalars, ...[4, 2, 3].flatMap((n) => scalars.map((s) => `vec${n}<${s}>`))];
};

/** The module with one call of dbg as a declaration of a type, and no other: it compiles where the value has it. */
export function probe(code: string, call: DbgCall, type: string): string {
  const lines = code.split("\n");
  for (const { line } of dbgCalls(code)) lines[line - 1] = "";
  lines[call.line - 1] = `{ let lab_probe : ${type} = (${call.value}); }`;
  return lines.join("\n");
}

/** A value of a type as four words. */
function words(type: string, value: string): string {
  const [, lanes, scalar = type] = /^vec(\d)<(\w+)>$/.exec(type) ?? [];
  const n = Number(lanes ?? 1);
  const ofLanes = (t: string): string => (n === 1 ? t : `vec${n}<${t}>`);
  const u32 = ofLanes("u32");
  const bits = (): string => {
    if (scalar === "u32") return value;
    if (scalar === "bool") return `select(${u32}(0u), ${u32}(1u), ${value})`;
    return `bitcast<${u32}>(${scalar === "f16" ? `${ofLanes("f32")}(${value})` : value})`;
  };
  return `vec4<u32>(${[bits(), ...Array.from({ length: 4 - n }, () => "0u")].join(", ")})`;
}

/** Elements' bytes of a binding's type, by the module's aliases; undefined where it is no array of numbers. */
export function elementBytes(code: string, type: string): number | undefined {
  const element = /^array<(.+?)(?:,[^>]*)?>$/.exec(type)?.[1]?.trim();
  if (element === undefined) return undefined;
  const [, lanes = "1", scalar] =
    /^(?:vec([24])<)?(?:atomic<)?(f32|i32|u32|f16)>?$/.exec(resolved(code, element)) ?? [];
  return scalar === undefined ? undefined : Number(lanes) * (scalar === "f16" ? 2 : 4);
}

/** How long the arrays of a module are, in WGSL, by name: bindings by the log's head, others as declared. */
function lengthsOf(code: string, bound: readonly string[]): Map<string, string> {
  const lengths = new Map<string, string>();
  const blank = withoutComments(code);
  for (const { index, 1: name = "" } of blank.matchAll(/\bvar(?:<\w+>)?\s+(\w+)\s*(?::|=)\s*array</g)) {
    const start = blank.indexOf("array<", index) + "array".length;
    const inner = blank.slice(start + 1, endOfGenerics(blank, start));
    const count = lastArgument(inner);
    if (count === undefined) continue;
    const text = `u32(${count})`;
    // Two functions may have arrays of one name.
    lengths.set(name, (lengths.get(name) ?? text) === text ? text : "");
  }
  bound.forEach((name, i) => {
    if (name !== "" && i < MOST_LENGTHS) lengths.set(name, `lab_log.lengths[${i}]`);
  });
  return new Map([...lengths].filter(([, text]) => text !== ""));
}

function endOfGenerics(code: string, start: number): number {
  let depth = 0;
  for (let i = start; i < code.length; i++) {
    if (code[i] === "<") depth++;
    else if (code[i] === ">" && --depth === 0) return i;
  }
  return code.length;
}

function lastArgument(list: string): string | undefined {
  let depth = 0;
  for (let i = 0; i < list.length; i++) {
    if ("<(".includes(list[i]!)) depth++;
    else if (">)".includes(list[i]!)) depth--;
    else if (list[i] === "," && depth === 0) return list.slice(i + 1).trim() || undefined;
  }
  return undefined;
}

/** `name[i]` as `name[lab_index(u32(i), length, site)]`, of every array whose length is known. */
function withBounds(code: string, lengths: ReadonlyMap<string, string>, sites: LogSite[]): string {
  const blank = withoutComments(code);
  const rewritten = (from: number, to: number): string => {
    let out = "";
    let at = from;
    const names = /(?<![.\w@])([A-Za-z_]\w*)\s*\[/g;
    names.lastIndex = from;
    for (let m = names.exec(blank); m && m.index < to; m = names.exec(blank)) {
      const name = m[1]!;
      const length = lengths.get(name);
      if (length === undefined) continue;
      const open = m.index + m[0].length - 1;
      const close = closing(blank, open);
      const site = sites.push({
        kind: "bounds",
        line: code.slice(0, m.index).split("\n").length,
        type: "u32",
        text: name,
      });
      const index = rewritten(open + 1, close);
      out += `${code.slice(at, open + 1)}lab_index(u32(${index}), ${length}, ${site - 1}u)]`;
      at = close + 1;
      names.lastIndex = at;
    }
    return out + code.slice(at, to);
  };
  return rewritten(0, code.length);
}

/**
 * The entry point as a function that another one calls, which keeps which invocation it is and writes the first index
 * out of range behind it: compilers get through what logs at one place, not at each index.
 */
function withinEntry(code: string): { readonly code: string; readonly entry: string } {
  const found = declarationsOf(code).find((d) => d.kind === "fn" && /@compute\b/.test(d.code));
  if (!found) return { code, entry: "" };
  const { from, at, name } = found;
  const attributes = code.slice(from, code.lastIndexOf("fn", at));
  const open = code.indexOf("(", at);
  const close = closing(withoutComments(code), open);
  const list = code
    .slice(open + 1, close)
    .trim()
    .replace(/,$/, "");
  const added: string[] = [];
  const nameOf = (builtin: string): string => {
    const known = new RegExp(`@builtin\\(${builtin}\\)\\s*(\\w+)`).exec(list)?.[1];
    if (known) return known;
    added.push(`@builtin(${builtin}) lab_${builtin} : vec3<u32>`);
    return `lab_${builtin}`;
  };
  const keep = `lab_group = ${nameOf("workgroup_id")}; lab_local = ${nameOf("local_invocation_id")};`;
  const given = [...list.matchAll(/@builtin\(\w+\)\s*(\w+)/g)].map((m) => m[1]!).join(", ");
  const plain = list.replace(/@builtin\(\w+\)\s*/g, "");
  return {
    code: [
      code.slice(0, from),
      // Lines stay where they are.
      attributes.replace(/[^\n]/g, " "),
      `fn lab_main(${plain}`,
      code.slice(close),
    ].join(""),
    entry: `${attributes.trim()} fn ${name}(${[list, ...added].filter(Boolean).join(", ")}) { ${keep} lab_main(${given}); lab_flush(); }`,
  };
}

const logText = (binding: number): string => `
struct LabLog { count : atomic<u32>, pad0 : u32, pad1 : u32, pad2 : u32, lengths : array<u32, ${MOST_LENGTHS}>, words : array<u32> }
@group(0) @binding(${binding}) var<storage, read_write> lab_log : LabLog;
var<private> lab_group : vec3<u32>;
var<private> lab_local : vec3<u32>;
fn lab_put(site : u32, id : u32, v : vec4<u32>) {
  let at = atomicAdd(&lab_log.count, 1u) * ${RECORD_WORDS}u;
  if (at + ${RECORD_WORDS}u <= arrayLength(&lab_log.words)) {
    lab_log.words[at] = site;
    lab_log.words[at + 1u] = id;
    lab_log.words[at + 2u] = lab_group.x;
    lab_log.words[at + 3u] = lab_group.y;
    lab_log.words[at + 4u] = lab_group.z;
    lab_log.words[at + 5u] = lab_local.x | (lab_local.y << 10u) | (lab_local.z << 20u);
    lab_log.words[at + 6u] = v.x;
    lab_log.words[at + 7u] = v.y;
    lab_log.words[at + 8u] = v.z;
    lab_log.words[at + 9u] = v.w;
  }
}
var<private> lab_bad : vec4<u32>;
fn lab_index(i : u32, length : u32, site : u32) -> u32 {
  if (i >= length && lab_bad.w == 0u) { lab_bad = vec4<u32>(site, i, length, 1u); }
  return min(i, max(length, 1u) - 1u);
}
fn lab_flush() {
  if (lab_bad.w != 0u) { lab_put(lab_bad.x, lab_bad.y, vec4<u32>(lab_bad.z, 0u, 0u, 0u)); }
}
`;

export interface Instrumented {
  readonly code: string;
  readonly sites: readonly LogSite[];
  /** Where the log is bound. */
  readonly binding: number;
}

export interface Instruments {
  /** Types of the values of dbg, by line; calls that are not named are dropped. */
  readonly dbg: ReadonlyMap<number, string>;
  /** Names of bindings whose lengths the log's head holds, in its order, where indices are checked. */
  readonly bounds?: readonly string[];
}

/** A module that logs, and which place each site is; undefined where nothing in it would. */
export function instrument(code: string, { dbg, bounds }: Instruments): Instrumented | undefined {
  const { bindings, textures } = reflect(code);
  const binding = 1 + Math.max(-1, ...[...bindings, ...textures].map((b) => b.index));
  const sites: LogSite[] = [];
  const lines = code.split("\n");
  for (const { line, id, value } of dbgCalls(code)) {
    const type = dbg.get(line);
    lines[line - 1] = "";
    if (type === undefined) continue;
    const site = sites.push({ kind: "dbg", line, type, text: `${id}, ${value}` }) - 1;
    lines[line - 1] = `lab_put(${site}u, u32(${id}), ${words(type, value)});`;
  }
  let text = lines.join("\n");
  if (bounds) text = withBounds(text, lengthsOf(text, bounds), sites);
  if (sites.length === 0) return undefined;
  const { code: inner, entry } = withinEntry(text);
  return { code: `${inner}\n${logText(binding)}${entry}\n`, sites, binding };
}
